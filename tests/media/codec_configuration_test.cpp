#include "media/codec_configuration.h"

#include <catch2/catch.hpp>
#include <string_view>

using namespace millrace;

namespace {

Bytes from_hex(std::string_view hex) {
  MutableBytes bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes.data()[i] =
        static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i * 2, 2)), nullptr, 16));
  return bytes;
}

// As OBS' x264 sends it: 1920x1080, High 4.0, 30 frames/s, BT.709, HRD.
constexpr std::string_view kObsAvc =
    "01640028ffe1002a67640028acd940780227e5c05a808080a000000300200000078c0400022550000089547251803"
    "c60c65801000468efbcb0fdf8f800";
// A phone's, upright.
constexpr std::string_view kPhoneAvc =
    "0164001fffe100286764001facb405a050d80b50101014000003000400000300f3808000989600009896a4a20078c1"
    "9501000468ef3cb0fdf8f800";
constexpr std::string_view kHevc =
    "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003"
    "0078959809a10001002e420101016000000300900000030000030078a003c08010e596564924caf016a020203c2000"
    "0003002000000303c1a2000100074401c172b46240";
constexpr std::string_view kAv1 = "81010c000a0b0000000cc4ff6700be0010";

}  // namespace

TEST_CASE("an H.264 record tells size, colour and frame rate", "[codec]") {
  const auto track = parse_avc_configuration(from_hex(kObsAvc));
  REQUIRE(track.has_value());
  CHECK(track.value().codec == Codec::kH264);
  CHECK(track.value().video.width == 1920);
  CHECK(track.value().video.height == 1080);
  CHECK(track.value().video.frame_rate == Rational{30, 1});
  CHECK(track.value().video.colour.primaries == 1);
  CHECK(track.value().video.bit_depth == 8);
  CHECK(track.value().codec_configuration == from_hex(kObsAvc));
}

TEST_CASE("an upright picture stays upright", "[codec]") {
  const auto track = parse_avc_configuration(from_hex(kPhoneAvc));
  REQUIRE(track.has_value());
  CHECK(track.value().video.width == 720);
  CHECK(track.value().video.height == 1280);
}

TEST_CASE("an HEVC record is read through its reference sets to the frame rate", "[codec]") {
  const auto track = parse_hevc_configuration(from_hex(kHevc));
  REQUIRE(track.has_value());
  CHECK(track.value().codec == Codec::kHevc);
  CHECK(track.value().video.width == 1920);
  CHECK(track.value().video.height == 1080);
  CHECK(track.value().video.frame_rate == Rational{30, 1});
}

TEST_CASE("an AV1 record tells size and depth", "[codec]") {
  const auto track = parse_av1_configuration(from_hex(kAv1));
  REQUIRE(track.has_value());
  CHECK(track.value().codec == Codec::kAv1);
  CHECK(track.value().video.width == 640);
  CHECK(track.value().video.height == 360);
  CHECK(track.value().video.bit_depth == 8);
}

TEST_CASE("AAC's rate and channels are those of the sound that comes out", "[codec]") {
  const auto lc = parse_aac_configuration(from_hex("119056e500"));
  REQUIRE(lc.has_value());
  CHECK(lc.value().audio == AudioParameters{48000, 2, 1024});
  CHECK(parse_aac_configuration(from_hex("1208")).value().audio == AudioParameters{44100, 1, 1024});
  // HE-AAC, told explicitly: core of 24 kHz, sound of 48.
  CHECK(parse_aac_configuration(from_hex("2b118800")).value().audio ==
        AudioParameters{48000, 2, 2048});
}

TEST_CASE("a record that is cut off anywhere is refused, not misread", "[codec]") {
  for (std::size_t size = 0; size < 30; ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse_avc_configuration(from_hex(kObsAvc).slice(0, size)).has_value());
    CHECK_FALSE(parse_hevc_configuration(from_hex(kHevc).slice(0, size)).has_value());
  }
  CHECK_FALSE(parse_av1_configuration(from_hex(kAv1).slice(0, 6)).has_value());
  CHECK_FALSE(parse_aac_configuration(from_hex("11")).has_value());
  CHECK_FALSE(parse_aac_configuration({}).has_value());
}

TEST_CASE("what cannot be carried is said to be unsupported", "[codec]") {
  auto two_byte_lengths = std::string(kObsAvc);
  two_byte_lengths.replace(8, 2, "fd");
  const auto track = parse_avc_configuration(from_hex(two_byte_lengths));
  REQUIRE_FALSE(track.has_value());
  CHECK(track.error().code == ErrorCode::kUnsupported);
  // AAC Main.
  CHECK(parse_aac_configuration(from_hex("0990")).error().code == ErrorCode::kUnsupported);
}
