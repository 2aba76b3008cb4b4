#include "hls/dvr/dvr_past.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

constexpr MediaTime kBegin = 1'750'000'000s;

std::shared_ptr<const DvrPlace> stored() {
  auto place = std::make_shared<DvrPlace>();
  place->set_stored(std::make_shared<DvrFile>("file"), {0, 10, 0}, {0, 5, 0});
  return place;
}

/// A file of segments of 2 s.
DvrFound file(const std::string& start_id, const std::vector<SegmentNumber>& numbers,
              const std::string& rendition = "source", MediaTime begin = kBegin) {
  DvrFound found{.channel = "shop", .rendition = rendition, .index = {}, .places = {}};
  found.index.start_id = start_id;
  for (const SegmentNumber number : numbers) {
    found.index.segments.push_back({.number = number,
                                    .start = begin + 2s * number,
                                    .duration = 2 * playlist::kStepsPerSecond,
                                    .map = numbers.front(),
                                    .is_independent = true,
                                    .range = {0, 10, 0}});
    found.places.push_back(stored());
  }
  return found;
}

DvrSlot slot(SegmentNumber number, std::shared_ptr<const DvrPlace> place, SegmentNumber map = 1) {
  static const auto kStart = std::make_shared<const std::string>("a");
  return {.start_id = kStart,
          .number = number,
          .start = kBegin + 2s * number,
          .duration = 2 * playlist::kStepsPerSecond,
          .lines = {{.start = kBegin + 2s * number,
                     .duration = 2 * playlist::kStepsPerSecond,
                     .map = map,
                     .place = std::move(place)}}};
}

/// "a1 a2 -a3": the gaps with a dash.
std::string told(DvrPast& past, const std::string& rendition = "source") {
  const auto listing = past.list(past.rendition(rendition, MediaKind::kVideo));
  std::string text;
  for (const auto& one : listing.loose) {
    const auto segment = one->segment(listing.rendition);
    text += (text.empty() ? "" : " ") + std::string(segment.starts_discontinuity ? "|" : "") +
            (segment.is_gap ? "-" : "") + std::string(segment.start_id) +
            std::to_string(segment.number);
  }
  return text;
}

}  // namespace

TEST_CASE("files of earlier starts are one past, in order of time", "[dvr]") {
  DvrPast past(1h);
  past.load({file("b", {50, 51}), file("a", {3, 4}), file("a", {1, 2})});
  CHECK(told(past) == "|a1 a2 a3 a4 |b50 b51");
  const auto listing = past.list(0);
  CHECK(listing.count == 6);
  CHECK(listing.discontinuities == 2);
  CHECK(listing.least_target_seconds == 2);
}

TEST_CASE("what one rendition has and another not is a gap in that", "[dvr]") {
  DvrPast past(1h);
  past.load({file("a", {1, 2, 3, 4}), file("a", {2, 4}, "audio")});
  CHECK(told(past) == "|a1 a2 a3 a4");
  CHECK(told(past, "audio") == "|-a1 a2 -a3 a4");
  CHECK(told(past, "720p") == "|-a1 -a2 -a3 -a4");
}

TEST_CASE("numbers that no rendition has on disk are gaps as long as what is missing", "[dvr]") {
  DvrPast past(1h);
  past.load({file("a", {1, 2, 5})});
  CHECK(told(past) == "|a1 a2 -a3 -a4 a5");
  for (const auto& one : past.list(0).loose) CHECK(one->start == kBegin + 2s * one->number);
}

TEST_CASE("media is found by the start and number in its URL", "[dvr]") {
  DvrPast past(1h);
  past.load({file("a", {1, 2, 3}), file("b", {2, 3}, "source", kBegin + 1h)});
  CHECK(past.find_segment("source", "a", 2)->place != past.find_segment("source", "b", 2)->place);
  CHECK_FALSE(past.find_segment("source", "a", 4).has_value());
  CHECK_FALSE(past.find_segment("source", "b", 1).has_value());
  CHECK_FALSE(past.find_segment("source", "c", 1).has_value());
  CHECK_FALSE(past.find_segment("audio", "a", 1).has_value());
  CHECK(past.find_init("source", "a", 1).has_value());
  CHECK(past.find_init("source", "b", 2).has_value());
  CHECK_FALSE(past.find_init("source", "a", 2).has_value());
}

TEST_CASE("an init segment is found while any segment has it", "[dvr]") {
  DvrPast past(1min);
  past.rendition("source", MediaKind::kVideo);
  std::vector<std::shared_ptr<DvrFile>> files;
  for (SegmentNumber number = 1; number <= 100; ++number) {
    files.push_back(std::make_shared<DvrFile>("file"));
    auto place = std::make_shared<DvrPlace>();
    place->set_stored(files.back(), {0, 10, 0}, {0, 5, 0});
    past.add(slot(number, place));
  }
  CHECK(past.find_init("source", "a", 1)->place == past.find_segment("source", "a", 1)->place);
  for (std::size_t i = 0; i < 40; ++i) files[i]->is_removed = true;
  CHECK(past.trim(kBegin));
  CHECK_FALSE(past.find_segment("source", "a", 40).has_value());
  CHECK(past.find_init("source", "a", 1)->place == past.find_segment("source", "a", 41)->place);
}

TEST_CASE("what the disk has not yet when it leaves the live window stays a gap", "[dvr]") {
  DvrPast past(1h);
  past.rendition("source", MediaKind::kVideo);
  auto late = std::make_shared<DvrPlace>();
  past.add(slot(1, late));
  past.add(slot(2, stored()));
  late->set_stored(std::make_shared<DvrFile>("file"), {0, 10, 0}, {0, 5, 0});
  CHECK(told(past) == "-a1 a2");
}

TEST_CASE("blocks leave together, and the first that is listed tells its init segment", "[dvr]") {
  DvrPast past(2min);
  past.rendition("source", MediaKind::kVideo);
  for (SegmentNumber number = 1; number <= 200; ++number)
    past.add(slot(number, stored(), number <= 50 ? 1 : 51));
  const auto whole = past.list(0);
  CHECK(whole.count == 200);
  CHECK(whole.blocks.size() == 5);
  CHECK(whole.loose.size() == 40);
  CHECK(whole.blocks[0]->unsaid_map() == playlist::Map{});
  CHECK(whole.blocks[0]->piece()->text().text().find("init-a-1.mp4") != std::string::npos);
  CHECK(whole.blocks[1]->unsaid_map() == playlist::Map{"a", 1});
  CHECK(whole.blocks[1]->map_behind() == playlist::Map{"a", 51});
  CHECK(past.trim(kBegin + 400s));
  CHECK_FALSE(past.trim(kBegin + 400s));
  const auto rest = past.list(0);
  CHECK(rest.count == 72);  // 60, and what is left of a block.
  CHECK(rest.blocks[0] == whole.blocks[4]);
  CHECK(rest.blocks[0]->unsaid_map() == playlist::Map{"a", 51});
  CHECK(rest.loose.size() == 40);
}
