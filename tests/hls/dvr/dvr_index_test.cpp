#include "hls/dvr/dvr_index.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

DvrSegmentRecord segment(SegmentNumber number) {
  return {.number = number,
          .start = 1'750'000'000s + number * 2s,
          .duration = 200'000,
          .map = 7,
          .starts_discontinuity = number % 2 == 0,
          .is_independent = true,
          .has_captions = number % 3 == 0,
          .show = 8,
          .range = {.offset = number * 1000, .size = 1000, .checksum = 0xfedcba98}};
}

DvrInitRecord init() {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.index = 1;
  track.language = "fra";
  track.audio.channels = 6;
  track.video = {.width = 1920,
                 .height = 1080,
                 .sample_aspect_ratio = {4, 3},
                 .frame_rate = {30000, 1001},
                 .colour = {.transfer = 16}};
  return {.map = 7,
          .range = {.offset = 0, .size = 700, .checksum = 5},
          .codecs = "mp4a.40.2",
          .track = track};
}
const DvrInitRecord kInit = init();

std::string three_segments() {
  return dvr_index_header("19a", MediaKind::kAudio) + dvr_record(kInit) + dvr_record(segment(8)) +
         dvr_record(segment(9)) + dvr_record(segment(11));
}

}  // namespace

TEST_CASE("an index is read as it was written", "[dvr]") {
  const std::string text = three_segments();
  const auto index = parse_dvr_index(bytes_of(text));
  REQUIRE(index.has_value());
  CHECK(index.value().start_id == "19a");
  CHECK(index.value().kind == MediaKind::kAudio);
  CHECK(index.value().inits == std::vector{kInit});
  CHECK(index.value().segments == std::vector{segment(8), segment(9), segment(11)});
  CHECK(index.value().good_bytes == text.size());
}

TEST_CASE("wherever an index is torn, what is before it holds", "[dvr]") {
  const std::string text = three_segments();
  const std::size_t header = dvr_index_header("19a", MediaKind::kAudio).size();
  std::size_t segments = 0;
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    const std::string torn = text.substr(0, size);
    const auto index = parse_dvr_index(bytes_of(torn));
    REQUIRE(index.has_value() == (size >= header));
    if (size < header) continue;
    CHECK(index.value().good_bytes <= size);
    CHECK(index.value().segments.size() >= segments);
    segments = index.value().segments.size();
  }
  CHECK(segments == 2);
}

TEST_CASE("a damaged record ends an index, wherever the damage is", "[dvr]") {
  const std::string text = three_segments();
  const std::size_t last = text.size() - dvr_record(segment(11)).size();
  for (std::size_t at = last; at < text.size(); ++at) {
    CAPTURE(at);
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto index = parse_dvr_index(bytes_of(damaged));
    REQUIRE(index.has_value());
    CHECK(index.value().segments.size() == 2);
    CHECK(index.value().good_bytes == last);
  }
}

TEST_CASE("a record that contradicts those before it ends an index", "[dvr]") {
  const std::string begin =
      dvr_index_header("19a", MediaKind::kVideo) + dvr_record(kInit) + dvr_record(segment(9));
  auto other_map = segment(10);
  other_map.map = 8;
  auto empty = segment(10);
  empty.range.size = 0;
  auto endless = segment(10);
  endless.duration = 3601 * playlist::kStepsPerSecond;
  auto early = segment(10);
  early.start = -1ns;
  auto of_later_show = segment(10);
  of_later_show.show = 11;
  for (const auto& wrong :
       {segment(9), segment(8), other_map, empty, endless, early, of_later_show}) {
    const std::string text = begin + dvr_record(wrong) + dvr_record(segment(12));
    const auto index = parse_dvr_index(bytes_of(text));
    REQUIRE(index.has_value());
    CHECK(index.value().segments.size() == 1);
    CHECK(index.value().good_bytes == begin.size());
  }
}

TEST_CASE("codecs that would end their quotes end an index", "[dvr]") {
  CHECK(is_dvr_codecs("hvc1.2.4.L120.B0,mp4a.40.2"));
  CHECK_FALSE(is_dvr_codecs("a\"b"));
  CHECK_FALSE(is_dvr_codecs("a\nb"));
  CHECK_FALSE(is_dvr_codecs(std::string(201, 'a')));
  std::string text = dvr_index_header("19a", MediaKind::kAudio);
  const std::size_t header = text.size();
  std::string record = dvr_record(kInit);
  record.resize(record.size() - 4);
  record[record.find("mp4a")] = '"';
  const std::uint32_t checksum = dvr_checksum(bytes_of(record));
  for (int i = 0; i < 4; ++i) record.push_back(static_cast<char>(checksum >> (8 * i) & 0xff));
  text += record + dvr_record(segment(8));
  const auto index = parse_dvr_index(bytes_of(text));
  REQUIRE(index.has_value());
  CHECK(index.value().inits.empty());
  CHECK(index.value().good_bytes == header);
}

TEST_CASE("names that could leave the folder are none", "[dvr]") {
  for (const char* const good : {"shop", "720p", "audio-2", "A.b_c", "19a3f00"})
    CHECK(is_dvr_name(good));
  for (const char* const bad : {"", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a b", "a\nb"})
    CHECK_FALSE(is_dvr_name(bad));
  CHECK_FALSE(is_dvr_name(std::string_view("a\0b", 3)));
  CHECK_FALSE(is_dvr_name(std::string(65, 'a')));
}
