#include "packager/packager.h"

#include <catch2/catch.hpp>

#include "tests/support/video_source.h"

using namespace millrace;
using millrace::packager::codec_string;

namespace {

TrackInfo with(Codec codec, std::initializer_list<int> configuration) {
  TrackInfo track;
  track.codec = codec;
  std::vector<std::uint8_t> bytes;
  for (const int byte : configuration) bytes.push_back(static_cast<std::uint8_t>(byte));
  track.codec_configuration = Bytes::copy_of(bytes);
  return track;
}

}  // namespace

TEST_CASE("H.264 is named by profile, constraints and level", "[codec]") {
  CHECK(codec_string(*test::h264_track({30, 1})) == "avc1.640028");
  CHECK(codec_string(with(Codec::kH264, {1, 0x42, 0xc0, 0x0d})) == "avc1.42c00d");
}

TEST_CASE("HEVC is named with reversed compatibility and without trailing constraints", "[codec]") {
  CHECK(codec_string(with(Codec::kHevc, {1, 0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x78})) ==
        "hvc1.1.6.L120.90");
  CHECK(codec_string(with(Codec::kHevc, {1, 0x22, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0x99})) ==
        "hvc1.2.4.H153.B0");
}

TEST_CASE("AV1 is named by profile, level, tier and depth", "[codec]") {
  CHECK(codec_string(with(Codec::kAv1, {0x81, 0x08, 0x0c, 0})) == "av01.0.08M.08");
  TrackInfo hdr = with(Codec::kAv1, {0x81, 0x0d, 0x4e, 0});
  hdr.video.bit_depth = 10;
  hdr.video.colour = {.primaries = 9, .transfer = 16, .matrix = 9};
  CHECK(codec_string(hdr) == "av01.0.13M.10.0.112.09.16.09.0");
}

TEST_CASE("Opus is named as browsers know it", "[codec]") {
  CHECK(codec_string(with(Codec::kOpus, {0, 2, 0, 0})) == "opus");
}

TEST_CASE("AAC is named by its object type", "[codec]") {
  CHECK(codec_string(with(Codec::kAac, {0x11, 0x90})) == "mp4a.40.2");
  CHECK(codec_string(with(Codec::kAac, {0x2b, 0x11, 0x88, 0x00})) == "mp4a.40.5");
  CHECK(codec_string(with(Codec::kAac, {0xeb, 0x09, 0x88, 0x00})) == "mp4a.40.29");
}
