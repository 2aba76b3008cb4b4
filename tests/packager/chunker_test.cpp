#include "packager/chunker.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "tests/packager/box_text.h"
#include "tests/support/recording_sink.h"
#include "tests/support/video_source.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::packager;
using test::PacketSource;
using test::RecordingSink;

namespace {

std::unique_ptr<Sink<EncodedPacket>> make(Sink<CmafChunk>& chunks, MediaTime part = 200ms) {
  auto made = create({.part_target = part}, chunks);
  REQUIRE(made.has_value());
  return std::move(made).value();
}

std::uint64_t decode_time(const CmafChunk& chunk) {
  const auto at = test::find_box(chunk.bytes.span(), "moof/traf/tfdt");
  return std::uint64_t{test::big_endian_at(chunk.bytes.span(), at + 4)} << 32 |
         test::big_endian_at(chunk.bytes.span(), at + 8);
}

/// Of each part by itself: PT-02, PT-03.
void check_parts(const std::vector<CmafChunk>& chunks) {
  std::map<SegmentNumber, std::size_t> last;
  for (std::size_t i = 0; i < chunks.size(); ++i) last[chunks[i].segment_number] = i;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    CAPTURE(i);
    const MediaTime target = chunks[i].init->part_target;
    REQUIRE(chunks[i].duration <= target);  // PT-02
    if (!chunks[i].is_independent && last[chunks[i].segment_number] != i)
      REQUIRE(chunks[i].duration >= target * 85 / 100);  // PT-03
  }
}

/// And of one part after the other.
void check_rules(const std::vector<CmafChunk>& chunks) {
  check_parts(chunks);
  for (std::size_t i = 1; i < chunks.size(); ++i) {
    CAPTURE(i);
    if (!chunks[i].starts_discontinuity)
      REQUIRE(chunks[i].start == chunks[i - 1].start + chunks[i - 1].duration);  // SEG-03
  }
}

}  // namespace

TEST_CASE("a segment starts at the packet that opens it", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({25, 1}), .key_frame_every = 50, .next_segment = 7};
  REQUIRE(source.push_frames(120, *packager).has_value());
  REQUIRE(packager->finish().has_value());
  std::vector<SegmentNumber> numbers;
  for (const auto& chunk : chunks.items)
    if (numbers.empty() || numbers.back() != chunk.segment_number)
      numbers.push_back(chunk.segment_number);
  CHECK(numbers == std::vector<SegmentNumber>{7, 8, 9});
  CHECK(chunks.items.size() == 24);
}

TEST_CASE("a part is published with its last frame, not with the next one", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  REQUIRE(source.push_frames(5, *packager).has_value());
  CHECK(chunks.items.empty());
  REQUIRE(source.push_frames(1, *packager).has_value());
  REQUIRE(chunks.items.size() == 1);
  CHECK(chunks.items[0].duration == 200ms);
  CHECK(chunks.items[0].is_independent);
}

TEST_CASE("parts obey the rules at every rate and GOP length", "[packager]") {
  for (const Rational rate :
       {Rational{30, 1}, Rational{30000, 1001}, Rational{25, 1}, Rational{60, 1},
        Rational{24000, 1001}, Rational{50, 1}, Rational{15, 1}, Rational{60000, 1001}}) {
    for (const int gop : {30, 47, 60, 125}) {
      CAPTURE(rate.numerator, gop);
      RecordingSink<CmafChunk> chunks;
      const auto packager = make(chunks);
      PacketSource source{.track = test::h264_track(rate), .key_frame_every = gop};
      REQUIRE(source.push_frames(1000, *packager).has_value());
      check_rules(chunks.items);
    }
  }
}

TEST_CASE("audio parts are whole frames of exact length", "[packager]") {
  for (const int sample_rate : {48000, 44100}) {
    RecordingSink<CmafChunk> chunks;
    const auto packager = make(chunks);
    PacketSource source{.track = test::aac_track(sample_rate), .key_frame_every = 94};
    REQUIRE(source.push_frames(2000, *packager).has_value());
    check_rules(chunks.items);
    for (std::size_t i = 1; i < chunks.items.size(); ++i) {
      CHECK(chunks.items[i].is_independent);
      CHECK((decode_time(chunks.items[i]) - decode_time(chunks.items[i - 1])) % 1024 == 0);
    }
  }
}

TEST_CASE("a variable rate stays within its target", "[packager]") {
  std::mt19937 random(3);
  TrackInfo track = *test::h264_track({0, 1});
  track.video.longest_frame = 70ms;
  const auto shared = std::make_shared<const TrackInfo>(track);
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  MediaTime dts = 1'750'000'000s;
  for (int i = 0; i < 1000; ++i) {
    EncodedPacket packet;
    packet.track = shared;
    packet.payload = Bytes::copy_of("picture");
    packet.dts = packet.pts = dts;
    packet.duration = std::chrono::milliseconds(10 + random() % 61);
    packet.is_key_frame = i % 40 == 0;
    if (packet.is_key_frame) packet.opens_segment = static_cast<SegmentNumber>(i / 40);
    dts += packet.duration;
    REQUIRE(packager->push(packet).has_value());
  }
  check_rules(chunks.items);
}

TEST_CASE("with B-frames the first picture's presentation time is the decode time", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1}), .reorder_delay = 66'666'667ns};
  const MediaTime first_pts = source.start + source.reorder_delay;
  REQUIRE(source.push_frames(12, *packager).has_value());
  CHECK(std::chrono::abs(chunks.items[0].start - first_pts) < 12us);
  check_rules(chunks.items);
}

TEST_CASE("filler that only holds the encoder's bit rate is left out", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({5, 1})};
  EncodedPacket packet = source.next();
  const std::uint8_t payload[] = {0,    0,    0,    2, 0x65, 1, 0, 0,    0, 3,
                                  0x0c, 0xff, 0x80, 0, 0,    0, 2, 0x65, 2};
  packet.payload = Bytes::copy_of(payload);
  REQUIRE(packager->push(packet).has_value());
  const auto& bytes = chunks.items.at(0).bytes;
  const std::uint8_t expected[] = {0, 0, 0, 2, 0x65, 1, 0, 0, 0, 2, 0x65, 2};
  CHECK(bytes.slice(bytes.size() - sizeof expected) == Bytes::copy_of(expected));
}

TEST_CASE("new parameters come with a discontinuity and another header, equal ones with neither",
          "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  REQUIRE(source.push_frames(60, *packager).has_value());
  source.track = test::h264_track({30, 1});
  REQUIRE(source.push_frames(60, *packager).has_value());
  CHECK(chunks.items.back().init == chunks.items.front().init);

  TrackInfo other = *source.track;
  other.video.width = 640;
  source.track = std::make_shared<const TrackInfo>(other);
  EncodedPacket packet = source.next();
  CHECK_FALSE(packager->push(packet).has_value());
  packet.starts_discontinuity = true;
  REQUIRE(packager->push(packet).has_value());
  REQUIRE(source.push_frames(5, *packager).has_value());
  CHECK(chunks.items.back().init != chunks.items.front().init);
  CHECK(chunks.items.back().starts_discontinuity);
}

TEST_CASE("behind a gap new parameters come with another header, on the same timeline",
          "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  REQUIRE(source.push_frames(45, *packager).has_value());
  while (source.frame % source.key_frame_every != 0) source.next();
  TrackInfo other = *source.track;
  other.video.sample_aspect_ratio = {4, 3};
  source.track = std::make_shared<const TrackInfo>(other);
  EncodedPacket packet = source.next();
  REQUIRE(packet.opens_segment.has_value());
  packet.follows_gap = true;
  const MediaTime dts = packet.dts;
  REQUIRE(packager->push(packet).has_value());
  REQUIRE(source.push_frames(5, *packager).has_value());
  REQUIRE(packager->finish().has_value());
  const auto& last = chunks.items.back();
  CHECK(last.init != chunks.items.front().init);
  CHECK_FALSE(last.starts_discontinuity);
  CHECK(std::chrono::abs(last.start - dts) < 12us);
}

TEST_CASE("after a gap the next chunk has its true time", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  REQUIRE(source.push_frames(20, *packager).has_value());
  for (int i = 0; i < 10; ++i) source.next();
  EncodedPacket packet = source.next();
  packet.follows_gap = true;
  const MediaTime dts = packet.dts;
  REQUIRE(packager->push(packet).has_value());
  REQUIRE(source.push_frames(5, *packager).has_value());
  CHECK(std::chrono::abs(chunks.items.back().start - dts) < 12us);
}

TEST_CASE("a skipped frame anywhere leaves the rules of parts intact", "[packager]") {
  // The encoder skips frames: one packet lasts longer, and its picture comes late.
  for (int skipped = 1; skipped <= 5; ++skipped) {
    for (int position = 0; position < 24; ++position) {
      CAPTURE(skipped, position);
      RecordingSink<CmafChunk> chunks;
      const auto packager = make(chunks);
      PacketSource source{.track = test::h264_track({30, 1})};
      REQUIRE(source.push_frames(60 + position, *packager).has_value());
      EncodedPacket packet = source.next();
      source.frame += skipped;
      packet.pts = source.time_of(source.frame - 1);
      packet.duration = source.time_of(source.frame) - packet.dts;
      REQUIRE(packager->push(packet).has_value());
      REQUIRE(source.push_frames(100, *packager).has_value());
      check_rules(chunks.items);
      REQUIRE(packager->finish().has_value());
      CHECK(chunks.items.back().start + chunks.items.back().duration ==
            source.time_of(source.frame));
    }
  }
}

TEST_CASE("presentation times stand, whatever became of decode times", "[packager]") {
  std::mt19937 random(7);
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1}), .reorder_delay = 66'666'667ns};
  std::vector<std::int64_t> expected;
  for (int i = 0; i < 500; ++i) {
    EncodedPacket packet = source.next();
    if (random() % 10 == 0) {
      source.frame += 1 + random() % 3;
      packet.duration = source.time_of(source.frame) - packet.dts;
    }
    packet.pts += 33'333'333ns * static_cast<int>(random() % 4);
    expected.push_back(to_ticks(packet.pts, 90000));
    REQUIRE(packager->push(packet).has_value());
  }
  REQUIRE(packager->finish().has_value());
  std::vector<std::int64_t> presented;
  for (const auto& chunk : chunks.items)
    for (const test::SampleTimes& times : test::sample_times(chunk.bytes.span()))
      presented.push_back(times.presentation);
  CHECK(presented == expected);
}

TEST_CASE("audio frames are exact even where the source's grid lies between two samples",
          "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  // Half a sample off: whole nanoseconds fall now on this, now on that side.
  PacketSource source{
      .track = test::aac_track(44100), .key_frame_every = 86, .start = 1'750'000'000s + 11'338ns};
  REQUIRE(source.push_frames(2000, *packager).has_value());
  for (const auto& chunk : chunks.items)
    for (const test::SampleTimes& times : test::sample_times(chunk.bytes.span()))
      REQUIRE(times.duration == 1024);
}

TEST_CASE("a picture that comes back after a silence does not drag its parts behind",
          "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  REQUIRE(source.push_frames(60, *packager).has_value());
  source.frame = 600;  // Segments without video in between.
  const MediaTime back = source.time_of(600);
  REQUIRE(source.push_frames(30, *packager).has_value());
  CHECK(chunks.items[10].start == back);
  check_parts(chunks.items);
}

TEST_CASE("decode time never runs back, not even over a discontinuity", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  REQUIRE(source.push_frames(60, *packager).has_value());
  source.start -= 100ms;
  EncodedPacket packet = source.next();
  packet.starts_discontinuity = true;
  REQUIRE(packager->push(packet).has_value());
  REQUIRE(source.push_frames(59, *packager).has_value());
  for (std::size_t i = 1; i < chunks.items.size(); ++i)
    CHECK(chunks.items[i].start >= chunks.items[i - 1].start + chunks.items[i - 1].duration);
}

TEST_CASE("random frame lengths and GOPs keep every part within 85 % and its target",
          "[packager]") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    TrackInfo track = *test::h264_track({0, 1});
    track.video.longest_frame = 50ms;
    const auto shared = std::make_shared<const TrackInfo>(track);
    RecordingSink<CmafChunk> chunks;
    const auto packager = make(chunks);
    MediaTime dts = 1'750'000'000s;
    SegmentNumber number = 0;
    for (int i = 0; i < 600; ++i) {
      EncodedPacket packet;
      packet.track = shared;
      packet.payload = Bytes::copy_of("picture");
      packet.dts = packet.pts = dts;
      // Now and then longer than the first GOP promised.
      packet.duration = std::chrono::microseconds(random() % 30 == 0 ? 50'000 + random() % 250'000
                                                                     : 5'000 + random() % 45'000);
      packet.is_key_frame = i == 0 || random() % 25 == 0;
      if (packet.is_key_frame && (i == 0 || random() % 2 == 0)) packet.opens_segment = number++;
      dts += packet.duration;
      REQUIRE(packager->push(packet).has_value());
    }
    check_rules(chunks.items);
  }
}

TEST_CASE("what was left out or cut is counted", "[packager]") {
  Metrics metrics;
  RecordingSink<CmafChunk> chunks;
  auto made = create({.part_target = 200ms, .metrics = &metrics, .channel = "shop"}, chunks);
  REQUIRE(made.has_value());
  PacketSource source{.track = test::h264_track({30, 1})};
  EncodedPacket packet = source.next();
  const std::uint8_t payload[] = {0, 0, 0, 2, 0x65, 1, 0, 0, 0, 3, 0x0c, 0xff, 0x80};
  packet.payload = Bytes::copy_of(payload);
  packet.duration = 300ms;
  REQUIRE(made.value()->push(packet).has_value());
  const std::string text = metrics.text();
  CHECK(text.find("millrace_packager_filler_bytes_total{channel=\"shop\"} 7") != std::string::npos);
  CHECK(text.find("millrace_packager_cut_samples_total{channel=\"shop\"} 1") != std::string::npos);
}

TEST_CASE("a part does not grow without bound", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({0, 1})};
  EncodedPacket packet;
  packet.track = source.track;
  packet.payload = Bytes::copy_of("picture");
  packet.dts = packet.pts = 1'750'000'000s;
  packet.opens_segment = 1;
  packet.is_key_frame = true;
  REQUIRE(packager->push(packet).has_value());
  packet.opens_segment.reset();
  for (int i = 0; i < 2000; ++i) REQUIRE(packager->push(packet).has_value());
  CHECK(chunks.items.size() == 3);
}

TEST_CASE("a part is as long as asked for, or create() says no", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  CHECK_FALSE(create({.part_target = 0ms}, chunks).has_value());
  CHECK_FALSE(create({.part_target = 1h}, chunks).has_value());
}

TEST_CASE("a picture longer than a part never makes a part longer than its target", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  REQUIRE(source.push_frames(9, *packager).has_value());
  EncodedPacket packet = source.next();
  packet.duration += 500ms;
  source.start += 500ms;
  REQUIRE(packager->push(packet).has_value());
  REQUIRE(source.push_frames(40, *packager).has_value());
  for (const auto& chunk : chunks.items) CHECK(chunk.duration <= 200ms);
  // The time is made good.
  CHECK(chunks.items.back().start + chunks.items.back().duration <= source.time_of(source.frame));
  CHECK(chunks.items.back().start + chunks.items.back().duration >
        source.time_of(source.frame) - 300ms);
}

TEST_CASE("nothing is taken before a segment has been opened", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1})};
  source.next();
  CHECK_FALSE(packager->push(source.next()).has_value());
}

TEST_CASE("finish hands on the part in progress, and a segment may follow", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({30, 1}), .key_frame_every = 8};
  REQUIRE(source.push_frames(8, *packager).has_value());
  REQUIRE(packager->finish().has_value());
  CHECK(chunks.items.size() == 2);
  CHECK(chunks.finishes == 1);
  REQUIRE(source.push_frames(8, *packager).has_value());
  CHECK(chunks.items.size() == 3);
}
