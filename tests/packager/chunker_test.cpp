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

void check_rules(const std::vector<CmafChunk>& chunks) {
  std::map<SegmentNumber, std::size_t> last;
  for (std::size_t i = 0; i < chunks.size(); ++i) last[chunks[i].segment_number] = i;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    CAPTURE(i);
    const MediaTime target = chunks[i].init->part_target;
    REQUIRE(chunks[i].duration <= target);  // PT-02
    if (!chunks[i].is_independent && last[chunks[i].segment_number] != i)
      REQUIRE(chunks[i].duration >= target * 85 / 100);  // PT-03
    if (i > 0 && !chunks[i].starts_discontinuity)
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

TEST_CASE("PART-TARGET is whole frames, rounded up in the last printed digit", "[packager]") {
  CHECK(part_target_for(*test::h264_track({30, 1}), 200ms) == 200ms);
  CHECK(part_target_for(*test::h264_track({60, 1}), 200ms) == 200ms);
  CHECK(part_target_for(*test::h264_track({25, 1}), 200ms) == 200ms);
  CHECK(part_target_for(*test::h264_track({30000, 1001}), 200ms) == 200'200us);
  CHECK(part_target_for(*test::h264_track({24, 1}), 200ms) == 208'340us);
  CHECK(part_target_for(*test::h264_track({2, 1}), 200ms) == 500ms);
  CHECK(part_target_for(*test::aac_track(), 200ms) == 192'010us);
  TrackInfo variable = *test::h264_track({0, 1});
  variable.video.longest_frame = 70ms;
  CHECK(part_target_for(variable, 200ms) == 466'670us);
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

TEST_CASE("a payload whose lengths lie is passed on as it came", "[packager]") {
  RecordingSink<CmafChunk> chunks;
  const auto packager = make(chunks);
  PacketSource source{.track = test::h264_track({5, 1})};
  EncodedPacket packet = source.next();
  const std::uint8_t payload[] = {0xff, 0xff, 0xff, 0xff, 0x0c, 1};
  packet.payload = Bytes::copy_of(payload);
  REQUIRE(packager->push(packet).has_value());
  const auto& bytes = chunks.items.at(0).bytes;
  CHECK(bytes.slice(bytes.size() - sizeof payload) == packet.payload);
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
