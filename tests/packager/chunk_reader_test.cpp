#include "packager/fmp4_writer.h"
#include "packager/packager.h"
#include "tests/support/video_source.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::packager;

namespace {

Sample sample(std::string_view payload, bool is_key_frame, std::uint32_t duration,
              std::int32_t offset) {
  Sample made;
  made.payload = Bytes::copy_of(payload);
  made.size = static_cast<std::uint32_t>(payload.size());
  made.duration = duration;
  made.composition_offset = offset;
  made.is_key_frame = is_key_frame;
  return made;
}

/// Writes the samples at 10 s and reads them back.
std::vector<EncodedPacket> round_trip(std::span<const Sample> samples) {
  const auto track = test::h264_track({30, 1});
  CmafChunk chunk;
  chunk.init = std::make_shared<const InitSegment>(
      InitSegment{.bytes = {}, .codecs = {}, .track = track, .part_target = 200ms});
  chunk.bytes = write_chunk(*track, {.sequence_number = 1, .decode_time = 900'000}, samples);
  return packets_of(chunk);
}

}  // namespace

TEST_CASE("what went into a chunk is read back from it", "[chunk_reader]") {
  const Sample samples[] = {sample("key", true, 3000, 6000), sample("second", false, 3600, -3000),
                            sample("x", false, 3000, 0)};
  const auto packets = round_trip(samples);
  REQUIRE(packets.size() == 3);
  CHECK(packets[0].payload.text() == "key");
  CHECK(packets[1].payload.text() == "second");
  CHECK(packets[2].payload.text() == "x");
  CHECK(packets[0].is_key_frame);
  CHECK_FALSE(packets[1].is_key_frame);
  CHECK_FALSE(packets[2].is_key_frame);
  CHECK(packets[0].dts == 10s);
  CHECK(packets[1].dts == from_ticks(903'000, 90'000));
  CHECK(packets[2].dts == from_ticks(906'600, 90'000));
  CHECK(packets[0].pts == from_ticks(906'000, 90'000));
  CHECK(packets[1].pts == 10s);
  CHECK(packets[1].duration == 40ms);
}

TEST_CASE("what a chunk's samples have in common is read back for each", "[chunk_reader]") {
  const Sample others[] = {sample("a", false, 3000, 0), sample("b", false, 3000, 0)};
  for (const auto& packet : round_trip(others)) CHECK_FALSE(packet.is_key_frame);
  const Sample keys[] = {sample("a", true, 3000, 0), sample("b", true, 3000, 0)};
  for (const auto& packet : round_trip(keys)) CHECK(packet.is_key_frame);
  const Sample mixed[] = {sample("a", false, 3000, 0), sample("b", true, 3000, 0),
                          sample("c", false, 3000, 0)};
  const auto packets = round_trip(mixed);
  CHECK_FALSE(packets[0].is_key_frame);
  CHECK(packets[1].is_key_frame);
  CHECK_FALSE(packets[2].is_key_frame);
  CHECK(packets[2].dts == from_ticks(906'000, 90'000));
}
