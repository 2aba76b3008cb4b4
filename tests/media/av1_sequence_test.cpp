#include "media/parameter_sets.h"

#include <catch2/catch.hpp>

using namespace millrace;

namespace {

// 640x360, 8 bits, as SVT-AV1 writes it.
constexpr std::uint8_t kMain[] = {0x00, 0x00, 0x00, 0x0c, 0xc4, 0xff, 0x67, 0x00, 0xbe, 0x00, 0x10};

}  // namespace

TEST_CASE("an AV1 sequence header tells size and depth", "[av1]") {
  const auto video = parse_av1_sequence(kMain);
  REQUIRE(video.has_value());
  CHECK(video.value().width == 640);
  CHECK(video.value().height == 360);
  CHECK(video.value().bit_depth == 8);
}

TEST_CASE("a cut-off AV1 header is refused", "[av1]") {
  for (std::size_t size = 0; size < 9; ++size)
    CHECK_FALSE(parse_av1_sequence(std::span(kMain).first(size)).has_value());
}
