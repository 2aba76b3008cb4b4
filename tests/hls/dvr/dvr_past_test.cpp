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
              const std::string& rendition = "source", MediaTime begin = kBegin,
              SegmentNumber show = 1) {
  DvrFound found{.channel = "shop", .rendition = rendition, .index = {}, .places = {}};
  found.index.start_id = start_id;
  found.index.inits.push_back({.map = numbers.front(), .codecs = "avc1." + start_id});
  for (const SegmentNumber number : numbers) {
    found.index.segments.push_back({.number = number,
                                    .start = begin + 2s * number,
                                    .duration = 2 * playlist::kStepsPerSecond,
                                    .map = numbers.front(),
                                    .is_independent = true,
                                    .show = show,
                                    .range = {0, 10, 0}});
    found.places.push_back(stored());
  }
  return found;
}

std::shared_ptr<const InitSegment> init() {
  static const auto kInit = std::make_shared<const InitSegment>(InitSegment{
      .bytes = {}, .codecs = "avc1.64001f", .track = std::make_shared<const TrackInfo>()});
  return kInit;
}

DvrSlot slot(SegmentNumber number, std::shared_ptr<const DvrPlace> place, SegmentNumber map = 1,
             SegmentNumber show = 1) {
  static const auto kStart = std::make_shared<const std::string>("a");
  return {.start_id = kStart,
          .number = number,
          .show = show,
          .start = kBegin + 2s * number,
          .duration = 2 * playlist::kStepsPerSecond,
          .lines = {{.start = kBegin + 2s * number,
                     .duration = 2 * playlist::kStepsPerSecond,
                     .map = map,
                     .place = std::move(place),
                     .init = init()}}};
}

/// "a1 a2 -a3": the gaps with a dash. Of few segments.
std::string told(const DvrListing& listing) {
  std::string text;
  for (const auto& one : listing.loose) {
    const auto segment = one->segment(listing.rendition);
    text += (text.empty() ? "" : " ") + std::string(segment.starts_discontinuity ? "|" : "") +
            (segment.is_gap ? "-" : "") + std::string(segment.start_id) +
            std::to_string(segment.number);
  }
  return text;
}

std::string told(DvrPast& past, const std::string& rendition = "source") {
  return told(past.list(past.rendition(rendition, MediaKind::kVideo)));
}

/// "b7": the start and first segment of the newest show but for that one.
std::string newest(const DvrPast& past, const std::string& start_id = "z",
                   SegmentNumber on_air = 0) {
  const auto show = past.last_show(start_id, on_air);
  return show ? show->start_id + std::to_string(show->first) : "none";
}

}  // namespace

TEST_CASE("files of earlier starts are one past, in order of time", "[dvr]") {
  DvrPast past(1h);
  past.load({file("b", {50, 51}), file("a", {3, 4}), file("a", {1, 2})});
  CHECK(told(past) == "a1 a2 a3 a4 |b50 b51");
  const auto listing = past.list(0);
  CHECK(listing.count == 6);
  CHECK(listing.discontinuities == 1);
  CHECK(listing.least_target_seconds == 2);
}

TEST_CASE("what one rendition has and another not is a gap in that", "[dvr]") {
  DvrPast past(1h);
  past.load({file("a", {1, 2, 3, 4}), file("a", {2, 4}, "audio")});
  CHECK(told(past) == "a1 a2 a3 a4");
  CHECK(told(past, "audio") == "-a1 a2 -a3 a4");
  CHECK(told(past, "720p") == "-a1 -a2 -a3 -a4");
}

TEST_CASE("numbers that no rendition has on disk are gaps as long as what is missing", "[dvr]") {
  DvrPast past(1h);
  past.load({file("a", {1, 2, 5})});
  CHECK(told(past) == "a1 a2 -a3 -a4 a5");
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

TEST_CASE("a show is what one start has of it, and the newest that is over is told", "[dvr]") {
  DvrPast past(1h);
  CHECK(newest(past) == "none");
  past.load({file("a", {1, 2, 3}), file("a", {7, 8}, "source", kBegin, 7),
             file("b", {50, 51}, "source", kBegin, 50)});
  // No gaps between two shows; each begins with a discontinuity.
  CHECK(told(past) == "a1 a2 a3 |a7 a8 |b50 b51");
  CHECK(newest(past) == "b50");
  CHECK(newest(past, "b", 50) == "a7");
  CHECK(newest(past, "a", 50) == "b50");
  CHECK(told(*past.list_show("source", "a", 1, "z", 0)) == "a1 a2 a3");
  CHECK(told(*past.list_show("source", "a", 2, "z", 0)) == "a2 a3");
  CHECK(told(*past.list_show("source", "a", 7, "z", 0)) == "|a7 a8");
  CHECK_FALSE(past.list_show("source", "b", 50, "b", 50).has_value());  // On air.
  CHECK_FALSE(past.list_show("source", "a", 4, "z", 0).has_value());
  CHECK_FALSE(past.list_show("source", "c", 1, "z", 0).has_value());
  CHECK_FALSE(past.list_show("720p", "a", 1, "z", 0).has_value());
}

TEST_CASE("what a show's multivariant playlist says is counted from its segments", "[dvr]") {
  DvrPast past(1h);
  DvrFound video = file("a", {1, 2, 3});
  const DvrFound rare = file("a", {2}, "360p", kBegin, 1);
  for (std::size_t i = 0; i < 3; ++i) {
    auto place = std::make_shared<DvrPlace>();
    place->set_stored(std::make_shared<DvrFile>("file"),
                      {0, static_cast<std::uint32_t>(100'000 * (i + 1)), 0}, {0, 5, 0});
    video.places[i] = place;
  }
  video.index.segments[1].has_captions = true;
  past.load({video, rare});
  const auto show = past.last_show("z", 0);
  REQUIRE(show.has_value());
  CHECK(show->has_captions);
  // A rung with a third of the show is none to watch it with.
  REQUIRE(show->renditions.size() == 1);
  CHECK(show->renditions[0].name == "source");
  CHECK(show->renditions[0].codecs == std::vector<std::string>{"avc1.a"});
  CHECK(show->renditions[0].peak == 1'200'000);   // 300 kB in 2 s.
  CHECK(show->renditions[0].average == 800'000);  // 600 kB in 6 s.
}

TEST_CASE("a show that has ended is there before playlists with ?dvr list all of it", "[dvr]") {
  DvrPast past(1h);
  past.rendition("source", MediaKind::kVideo);
  past.add(slot(1, stored()));
  auto second = slot(2, stored());
  second.starts_discontinuity = true;
  past.add_ahead(second);
  past.add_ahead(slot(3, stored()));
  CHECK(told(past) == "a1");
  CHECK(past.list(0).discontinuities == 0);
  CHECK(newest(past) == "a1");
  CHECK(told(*past.list_show("source", "a", 1, "a", 0)) == "a1 |a2 a3");
  past.release(2);
  CHECK(told(past) == "a1 |a2");
  CHECK(past.list(0).discontinuities == 1);
  past.release(2);  // Not the next one.
  past.release(3);
  CHECK(told(past) == "a1 |a2 a3");
}

TEST_CASE("a show's playlist stays the same when its beginning has left the window", "[dvr]") {
  DvrPast past(2min);
  past.rendition("source", MediaKind::kVideo);
  past.add(slot(1, stored()));  // Another show, so that blocks begin elsewhere.
  for (SegmentNumber number = 2; number <= 201; ++number)
    past.add(slot(number, stored(), number <= 50 ? 2 : 51, 2));
  const auto whole = *past.list_show("source", "a", 2, "a", 0);
  CHECK(whole.count == 200);
  CHECK(whole.first == 2);
  CHECK(whole.front.size() == 31);
  CHECK(whole.blocks.size() == 5);
  CHECK(whole.loose.size() == 9);
  CHECK(newest(past) == "a2");
  REQUIRE(past.trim(kBegin + 300s));
  CHECK(newest(past) == "a65");
  const auto again = *past.list_show("source", "a", 2, "a", 0);
  CHECK(again.blocks == whole.blocks);
  CHECK(again.front == whole.front);
  CHECK(again.loose == whole.loose);
  const auto rest = *past.list_show("source", "a", 65, "a", 0);
  CHECK(rest.front.empty());
  CHECK(rest.blocks.size() == 4);
  CHECK(rest.blocks[0] == whole.blocks[1]);
}

TEST_CASE("a show of which something has gone has no playlist any more", "[dvr]") {
  DvrPast past(1h);
  past.rendition("source", MediaKind::kVideo);
  const auto first = std::make_shared<DvrFile>("file");
  auto place = std::make_shared<DvrPlace>();
  place->set_stored(first, {0, 10, 0}, {0, 5, 0});
  past.add(slot(1, place));
  for (SegmentNumber number = 2; number <= 40; ++number) past.add(slot(number, stored()));
  REQUIRE(past.list_show("source", "a", 1, "a", 0).has_value());
  first->is_removed = true;
  CHECK_FALSE(past.list_show("source", "a", 1, "a", 0).has_value());
  REQUIRE(past.trim(kBegin));
  CHECK(newest(past) == "a33");
  CHECK(past.list_show("source", "a", 33, "a", 0)->count == 8);
}

TEST_CASE("a hole of gaps does not hold up what has gone behind it", "[dvr]") {
  DvrPast past(1h);
  past.rendition("source", MediaKind::kVideo);
  const auto file = std::make_shared<DvrFile>("file");
  const auto add = [&](SegmentNumber first, SegmentNumber last, bool has_media) {
    for (SegmentNumber number = first; number <= last; ++number) {
      auto place = std::make_shared<DvrPlace>();
      place->set_stored(file, {0, 10, 0}, {0, 5, 0});
      past.add(slot(number, has_media ? place : nullptr));
    }
  };
  add(1, 32, true);
  add(33, 100, false);
  add(101, 140, true);
  for (SegmentNumber number = 141; number <= 200; ++number) past.add(slot(number, stored()));
  CHECK_FALSE(past.trim(kBegin));
  file->is_removed = true;
  REQUIRE(past.trim(kBegin));
  CHECK(past.list(0).first == 161);  // What is left of a block goes with it.
  CHECK_FALSE(past.trim(kBegin));
}

TEST_CASE("gaps at the beginning are listed until a block of them is there", "[dvr]") {
  DvrPast past(1h);
  past.rendition("source", MediaKind::kVideo);
  for (SegmentNumber number = 1; number <= 31; ++number) past.add(slot(number, nullptr));
  CHECK_FALSE(past.trim(kBegin));
  CHECK(past.list(0).count == 31);
  past.add(slot(32, nullptr));
  CHECK(past.trim(kBegin));
  CHECK(past.list(0).count == 0);
}

TEST_CASE("a show that begins with gaps has no playlist once its media has gone", "[dvr]") {
  DvrPast past(1h);
  past.rendition("source", MediaKind::kVideo);
  const auto file = std::make_shared<DvrFile>("file");
  auto place = std::make_shared<DvrPlace>();
  place->set_stored(file, {0, 10, 0}, {0, 5, 0});
  for (SegmentNumber number = 1; number <= 40; ++number) past.add(slot(number, nullptr));
  past.add(slot(41, place));
  for (SegmentNumber number = 42; number <= 80; ++number) past.add(slot(number, stored()));
  REQUIRE(past.list_show("source", "a", 1, "a", 0).has_value());
  file->is_removed = true;
  CHECK_FALSE(past.list_show("source", "a", 1, "a", 0).has_value());
}
