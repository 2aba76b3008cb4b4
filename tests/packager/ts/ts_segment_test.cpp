#include "media/crc32_mpeg2.h"
#include "packager/fmp4_writer.h"
#include "packager/packager.h"
#include "tests/packager/ts/ts_reader.h"
#include "tests/support/video_source.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::packager;
using test::Pes;
using test::TsFile;

namespace {

constexpr int kMapPid = 0x1000;
constexpr int kVideoPid = 0x100;
constexpr int kAudioPid = 0x101;
constexpr std::uint64_t kMask = (std::uint64_t{1} << 33) - 1;
// 30 pictures a second; 26.5 h are one turn of a 33-bit clock.
constexpr std::int64_t kPicture = 3000;

Bytes unit_of(std::initializer_list<std::uint8_t> head, std::size_t size) {
  std::vector<std::uint8_t> bytes{
      static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
      static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  bytes.insert(bytes.end(), head.begin(), head.end());
  for (std::size_t i = head.size(); i < size; ++i)
    bytes.push_back(static_cast<std::uint8_t>(i * 7 + 1));
  return Bytes::copy_of(bytes);
}

Sample sample_of(Bytes payload, bool is_key, std::uint32_t duration, std::int32_t offset = 0) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  return {.payload = std::move(payload),
          .size = size,
          .duration = duration,
          .composition_offset = offset,
          .is_key_frame = is_key};
}

CmafSegment segment_of(const TrackInfo& track, std::int64_t decode_time,
                       const std::vector<Sample>& samples) {
  return {
      .init = write_init_segment(track),
      .chunks = {write_chunk(track, {.sequence_number = 1, .decode_time = decode_time}, samples)}};
}

/// Two seconds of pictures, each of another size, from a decode time on.
CmafSegment pictures(std::int64_t decode_time, std::size_t least_size = 100, int count = 60) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    const bool is_key = i == 0;
    samples.push_back(
        sample_of(unit_of({static_cast<std::uint8_t>(is_key ? 0x65 : 0x41), 0x88},
                          (is_key ? 20'000 : least_size) + static_cast<std::size_t>(i) * 13),
                  is_key, kPicture));
  }
  return segment_of(*test::h264_track({30, 1}), decode_time, samples);
}

CmafSegment sound(std::int64_t decode_time, int frames, std::size_t size = 200) {
  std::vector<Sample> samples;
  for (int i = 0; i < frames; ++i) {
    const std::vector<std::uint8_t> payload(size + static_cast<std::size_t>(i) % 9,
                                            static_cast<std::uint8_t>(i + 1));
    samples.push_back(sample_of(Bytes::copy_of(payload), true, 1024));
  }
  return segment_of(*test::aac_track(), decode_time, samples);
}

void add(TsFile& file, const CmafSegment& video, const CmafSegment& audio, SegmentNumber number) {
  const auto made = write_ts_segment(video, audio, number);
  REQUIRE(made.has_value());
  file.add(made.value().span());
}

std::vector<std::uint8_t> bytes_at(const std::vector<std::uint8_t>& bytes, std::size_t at,
                                   std::size_t count) {
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

TEST_CASE("a segment begins with its tables, which name its streams", "[ts]") {
  TsFile file;
  add(file, pictures(0), sound(0, 94), 7);
  CHECK(file.fault.empty());
  CHECK(file.packets[0].pid == 0);
  CHECK(file.packets[1].pid == kMapPid);
  const auto association = file.sections(0);
  const auto map = file.sections(kMapPid);
  REQUIRE(association.size() == 4);
  REQUIRE(map.size() == 4);
  for (const auto& section : {association[0], association[3], map[0], map[3]})
    CHECK(crc32_mpeg2(section) == 0);
  // Program 1 at its PID; its clock is the picture's; H.264, and AAC in ADTS.
  CHECK(bytes_at(association[0], 8, 4) == std::vector<std::uint8_t>{0, 1, 0xF0, 0x00});
  CHECK(bytes_at(map[0], 8, 14) == std::vector<std::uint8_t>{0xE1, 0x00, 0xF0, 0, 0x1B, 0xE1, 0x00,
                                                             0xF0, 0, 0x0F, 0xE1, 0x01, 0xF0, 0});
}

TEST_CASE("counters run on from segment to segment, whatever is in them", "[ts]") {
  TsFile file;
  std::int64_t at = 0;
  for (SegmentNumber number = 100; number < 140; ++number) {
    const int count = 30 + static_cast<int>(number % 31);
    add(file, pictures(at, 1 + number * 3, count), sound(at * 8 / 15, count + 1, number), number);
    at += count * kPicture;
  }
  CHECK(file.fault.empty());
  CHECK(file.is_continuous());
  for (const Pes& unit : file.pes(kVideoPid)) CHECK(unit.stream_id == 0xE0);
  CHECK(file.fault.empty());
}

TEST_CASE("the smallest of segments are filled up to their counters", "[ts]") {
  TsFile file;
  const std::vector<Sample> one{sample_of(unit_of({0x41}, 1), false, kPicture)};
  const std::vector<Sample> tiny{sample_of(Bytes::copy_of("a"), true, 1024)};
  for (SegmentNumber number = 1; number < 4; ++number)
    add(file, segment_of(*test::h264_track({30, 1}), 0, one),
        segment_of(*test::aac_track(), 0, tiny), number);
  CHECK(file.packets.size() == 3 * (16 + 16 + 8));
  CHECK(file.is_continuous());
  CHECK(file.pes(kVideoPid).size() == 3);
  CHECK(file.pes(kAudioPid).size() == 3);
  CHECK(file.fault.empty());
}

TEST_CASE("a picture has a delimiter and, at a key frame, its parameter sets", "[ts]") {
  TsFile file;
  add(file, pictures(900'000), {}, 1);
  const auto units = file.pes(kVideoPid);
  REQUIRE(units.size() == 60);
  const auto track = test::h264_track({30, 1});
  const auto& record = track->codec_configuration;
  std::vector<std::uint8_t> expected{0, 0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1};
  expected.insert(expected.end(), record.data() + 8, record.data() + 8 + 0x2a);
  expected.insert(expected.end(), {0, 0, 0, 1, 0x68, 0xef, 0xbc, 0xb0, 0, 0, 0, 1, 0x65});
  CHECK(bytes_at(units[0].payload, 0, expected.size()) == expected);
  CHECK(units[0].is_random_access);
  CHECK(bytes_at(units[1].payload, 0, 11) ==
        std::vector<std::uint8_t>{0, 0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1, 0x41});
  CHECK(units[1].payload.size() == 6 + 4 + 113);
  CHECK_FALSE(units[1].is_random_access);
}

TEST_CASE("times are those of CMAF, and the clock is before them", "[ts]") {
  // Decode order I P B B, as a chunker writes it: offsets 0, +2, -1, -1 pictures.
  std::vector<Sample> samples;
  for (int i = 0; i < 32; ++i) {
    const std::int32_t offsets[] = {0, 2, -1, -1};
    samples.push_back(sample_of(unit_of({static_cast<std::uint8_t>(i == 0 ? 0x65 : 0x41)}, 50 + i),
                                i == 0, kPicture,
                                offsets[i % 4] * static_cast<std::int32_t>(kPicture)));
  }
  // Over the end of 33 bits.
  const auto begin = static_cast<std::int64_t>(kMask) - 10 * kPicture;
  TsFile file;
  add(file, segment_of(*test::h264_track({30, 1}), begin, samples), {}, 1);
  const auto units = file.pes(kVideoPid);
  REQUIRE(units.size() == samples.size());
  std::optional<std::uint64_t> last;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto decode_time = begin + static_cast<std::int64_t>(i) * kPicture;
    CHECK(units[i].pts ==
          (static_cast<std::uint64_t>(decode_time + samples[i].composition_offset) & kMask));
    CHECK((units[i].pts - units[i].dts & kMask) < 90'000);
    REQUIRE(units[i].clock.has_value());
    CHECK((units[i].dts - *units[i].clock & kMask) == 9000);
    if (last) CHECK((units[i].dts - *last & kMask) == kPicture);
    last = units[i].dts;
  }
}

TEST_CASE("decode times go on evenly where a segment reorders less than another", "[ts]") {
  const auto segment = [](std::int64_t begin, bool reorders) {
    std::vector<Sample> samples;
    for (int i = 0; i < 30; ++i) {
      const std::int32_t offsets[] = {0, 1, -1};
      samples.push_back(sample_of(
          unit_of({static_cast<std::uint8_t>(i == 0 ? 0x65 : 0x41)}, 50), i == 0, kPicture,
          reorders && i > 0 ? offsets[i % 3] * static_cast<std::int32_t>(kPicture) : 0));
    }
    return segment_of(*test::h264_track({30, 1}), begin, samples);
  };
  TsFile file;
  for (SegmentNumber number = 0; number < 6; ++number)
    add(file, segment(static_cast<std::int64_t>(number) * 30 * kPicture, number % 2 == 1), {},
        number);
  const auto units = file.pes(kVideoPid);
  for (std::size_t i = 1; i < units.size(); ++i)
    CHECK((units[i].dts - units[i - 1].dts & kMask) == kPicture);
}

TEST_CASE("rungs that reorder and rungs that do not begin at one decode time", "[ts]") {
  // As x264 writes them: High with two pictures of reordering, and baseline with none.
  static constexpr std::uint8_t kReorders[] = {0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05,
                                               0xbb, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80,
                                               0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb};
  static constexpr std::uint8_t kBaseline[] = {0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e,
                                               0x7c, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
                                               0x00, 0x00, 0x0f, 0x03, 0xc5, 0x0a, 0xa8};
  const auto first_of = [](std::span<const std::uint8_t> sequence) {
    std::vector<std::uint8_t> record{1, sequence[1], sequence[2], sequence[3], 0xff, 0xe1, 0};
    record.push_back(static_cast<std::uint8_t>(sequence.size()));
    record.insert(record.end(), sequence.begin(), sequence.end());
    record.insert(record.end(), {1, 0, 4, 0x68, 0xef, 0xbc, 0xb0});
    TrackInfo track = *test::h264_track({30, 1});
    track.codec_configuration = Bytes::copy_of(record);
    TsFile file;
    add(file, segment_of(track, 90'000, {sample_of(unit_of({0x65}, 50), true, kPicture)}), {}, 1);
    const auto units = file.pes(kVideoPid);
    REQUIRE(units.size() == 1);
    CHECK(units[0].pts == 90'000);
    return units[0].dts;
  };
  CHECK(first_of(kReorders) == 72'000);
  CHECK(first_of(kBaseline) == 72'000);
}

TEST_CASE("sound is in ADTS, some frames to a packet, at its exact time", "[ts]") {
  constexpr int kFrames = 94;
  TsFile file;
  add(file, {}, sound(48'000, kFrames), 1);
  const auto map = file.sections(kMapPid);
  CHECK(bytes_at(map[0], 8, 9) ==
        std::vector<std::uint8_t>{0xE1, 0x01, 0xF0, 0, 0x0F, 0xE1, 0x01, 0xF0, 0});
  std::size_t frame = 0;
  for (const Pes& unit : file.pes(kAudioPid)) {
    CHECK(unit.stream_id == 0xC0);
    CHECK(unit.pts == 90'000 + frame * 1920);
    CHECK(unit.clock == unit.pts - 9000);
    std::size_t in_packet = 0;
    for (std::size_t at = 0; at < unit.payload.size(); ++frame, ++in_packet) {
      const auto header = bytes_at(unit.payload, at, 7);
      const std::size_t size = (header[3] & 3u) << 11 | header[4] << 3u | header[5] >> 5u;
      REQUIRE(size == 7 + 200 + frame % 9);
      // AAC-LC, 48 kHz, two channels, one block.
      CHECK((header[0] == 0xFF && header[1] == 0xF1 && header[2] == 0x4C && header[6] == 0xFC));
      CHECK(header[3] >> 6 == 2);
      CHECK(unit.payload[at + 7] == frame + 1);
      at += size;
    }
    CHECK(in_packet >= 1);
    CHECK(in_packet <= 4);  // 100 ms.
  }
  CHECK(frame == kFrames);
  CHECK(file.fault.empty());
}

TEST_CASE("sound behind a hole has its own time", "[ts]") {
  CmafSegment both = sound(0, 3);
  both.chunks.push_back(sound(4096, 3).chunks.front());
  TsFile file;
  add(file, {}, both, 1);
  const auto units = file.pes(kAudioPid);
  REQUIRE(units.size() == 2);
  CHECK(units[0].pts == 0);
  CHECK(units[1].pts == 4096 * 15 / 8);
}

TEST_CASE("picture and sound are in the order of their times", "[ts]") {
  TsFile file;
  add(file, pictures(180'000), sound(96'000, 94), 1);
  std::optional<std::uint64_t> clock;
  std::uint64_t newest = 0;
  for (const auto& packet : file.packets)
    if (packet.clock) {
      CHECK(*packet.clock >= newest);
      newest = *packet.clock;
    }
  for (const Pes& unit : file.pes(kAudioPid)) CHECK(unit.pts >= 180'000);
  CHECK(newest > 180'000);
}

TEST_CASE("what ends a picture early is left out, and the rest goes on", "[ts]") {
  std::vector<Sample> samples;
  samples.push_back(sample_of(unit_of({0x65}, 300), true, kPicture));
  Bytes lies = unit_of({0x41}, 300);
  samples.push_back(sample_of(lies.slice(0, 200), false, kPicture));
  samples.push_back(sample_of(Bytes::copy_of("xyz"), false, kPicture));
  std::string joined(unit_of({0x09, 0x10}, 2).text());  // The encoder's own delimiter.
  joined += unit_of({0x41}, 20).text();
  samples.push_back(sample_of(Bytes::copy_of(joined), false, kPicture));
  TsFile file;
  add(file, segment_of(*test::h264_track({30, 1}), 0, samples), {}, 1);
  const auto units = file.pes(kVideoPid);
  REQUIRE(units.size() == 2);
  CHECK(units[1].pts == 3 * kPicture);
  CHECK(units[1].payload.size() == 6 + 4 + 20);
}

TEST_CASE("what MPEG-TS has no place for is refused, and so is what is no CMAF", "[ts]") {
  TrackInfo av1 = *test::h264_track({30, 1});
  av1.codec = Codec::kAv1;
  TrackInfo opus = *test::aac_track();
  opus.codec = Codec::kOpus;
  const std::vector<Sample> one{sample_of(unit_of({0x65}, 30), true, 1024)};
  const auto code = [](const CmafSegment& video, const CmafSegment& audio) {
    const auto made = write_ts_segment(video, audio, 1);
    REQUIRE_FALSE(made.has_value());
    return made.error().code;
  };
  CHECK(code(segment_of(av1, 0, one), {}) == ErrorCode::kUnsupported);
  CHECK(code({}, segment_of(opus, 0, one)) == ErrorCode::kUnsupported);
  CHECK(code(sound(0, 1), {}) == ErrorCode::kUnsupported);
  CHECK(code({}, {}) == ErrorCode::kInvalidData);
  CHECK(code({.init = Bytes::copy_of("init"), .chunks = {Bytes::copy_of("chunk")}}, {}) ==
        ErrorCode::kInvalidData);
  CmafSegment without_media = pictures(0);
  without_media.chunks = {Bytes::copy_of("chunk")};
  CHECK(code(without_media, {}) == ErrorCode::kInvalidData);
}
