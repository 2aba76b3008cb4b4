#include "media/parameter_sets.h"

#include <catch2/catch.hpp>

using namespace millrace;

namespace {

// 1920x1080 Main at 30 frames/s, as x265 writes it.
constexpr std::uint8_t kMain[] = {
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x78, 0xa0, 0x03, 0xc0, 0x80, 0x10, 0xe5, 0x96, 0x56, 0x49, 0x24, 0xca, 0xf0, 0x16, 0xa0,
    0x20, 0x20, 0x3c, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0xc1};

}  // namespace

TEST_CASE("an HEVC sequence is cropped and its timing found behind the reference sets", "[hevc]") {
  const auto video = parse_hevc_sequence(kMain);
  REQUIRE(video.has_value());
  CHECK(video.value().width == 1920);
  CHECK(video.value().height == 1080);
  CHECK(video.value().frame_rate == Rational{30, 1});
  CHECK(video.value().bit_depth == 8);
}

TEST_CASE("how far HEVC's pictures are reordered is always said", "[hevc]") {
  CHECK(hevc_reorder_depth(kMain) == 2);
  CHECK(hevc_reorder_depth(std::span(kMain).first(18)) == std::nullopt);
}

TEST_CASE("what cannot be followed keeps the size that was read", "[hevc]") {
  const auto video = parse_hevc_sequence(std::span(kMain).first(34));
  REQUIRE(video.has_value());
  CHECK(video.value().width == 1920);
  CHECK(video.value().frame_rate.numerator == 0);
}

TEST_CASE("HEVC noise is refused", "[hevc]") {
  CHECK_FALSE(parse_hevc_sequence(std::vector<std::uint8_t>(60, 0x00)).has_value());
  CHECK_FALSE(parse_hevc_sequence(std::span(kMain).first(18)).has_value());
}
