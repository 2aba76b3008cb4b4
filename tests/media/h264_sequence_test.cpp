#include "media/parameter_sets.h"

#include <catch2/catch.hpp>

using namespace millrace;

namespace {

// 1920x1080 High with cropping and VUI timing, as x264 writes it.
constexpr std::uint8_t kHigh[] = {0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5,
                                  0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0x00, 0x00, 0x03, 0x00, 0x20,
                                  0x00, 0x00, 0x07, 0x8c, 0x04, 0x00, 0x02, 0x25, 0x50, 0x00, 0x08,
                                  0x95, 0x47, 0x25, 0x18, 0x03, 0xc6, 0x0c, 0x65, 0x80};
// 320x180 baseline.
constexpr std::uint8_t kBaseline[] = {0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e,
                                      0x7c, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
                                      0x00, 0x00, 0x0f, 0x03, 0xc5, 0x0a, 0xa8};

// 1280x720 High with two pictures of reordering, as x264 writes it.
constexpr std::uint8_t kReordered[] = {0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05,
                                       0xbb, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80,
                                       0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb};

}  // namespace

TEST_CASE("emulation prevention bytes are taken out and nothing else", "[h264]") {
  const std::uint8_t coded[] = {1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3, 0, 3};
  CHECK(without_emulation_prevention(coded) ==
        std::vector<std::uint8_t>{1, 0, 0, 1, 0, 0, 0, 0, 3, 0, 3});
}

TEST_CASE("a High sequence is cropped to what is shown", "[h264]") {
  const auto video = parse_h264_sequence(kHigh);
  REQUIRE(video.has_value());
  CHECK(video.value().width == 1920);
  CHECK(video.value().height == 1080);
  CHECK(video.value().frame_rate == Rational{30, 1});
  CHECK(video.value().colour == Colour{1, 1, 1, false});
}

TEST_CASE("a baseline sequence has no chroma format field", "[h264]") {
  const auto video = parse_h264_sequence(kBaseline);
  REQUIRE(video.has_value());
  CHECK(video.value().width == 320);
  CHECK(video.value().height == 180);
}

TEST_CASE("how far pictures are reordered is said at the VUI's end, or by the profile", "[h264]") {
  CHECK(h264_reorder_depth(kReordered) == 2);
  CHECK(h264_reorder_depth(kBaseline) == 0);
  CHECK(h264_reorder_depth(std::span(kReordered).first(23)) == std::nullopt);
  CHECK(h264_reorder_depth(std::span(kReordered).first(5)) == std::nullopt);
}

TEST_CASE("a VUI that ends early costs only what it would have said", "[h264]") {
  const auto video = parse_h264_sequence(std::span(kBaseline).first(12));
  REQUIRE(video.has_value());
  CHECK(video.value().width == 320);
  CHECK(video.value().frame_rate.numerator == 0);
}

TEST_CASE("a scaling list's step of any size is followed modulo 256", "[h264]") {
  // High, 320x192; the first list has steps of 2^31 - 1 and then -7, which end it: 8 is 7 is 0.
  constexpr std::uint8_t kWild[] = {0x67, 0x64, 0x00, 0x0d, 0xad, 0x80, 0x00, 0x00, 0x00, 0xff,
                                    0xff, 0xff, 0xfe, 0x1e, 0x02, 0xd0, 0x28, 0x33, 0x20};
  const auto video = parse_h264_sequence(kWild);
  REQUIRE(video.has_value());
  CHECK(video.value().width == 320);
  CHECK(video.value().height == 192);
}

TEST_CASE("a sequence whose pictures may be fields is interlaced", "[h264]") {
  constexpr std::uint8_t kInterlaced[] = {0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x04,
                                          0x4f, 0xde, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20,
                                          0x00, 0x00, 0x06, 0x43, 0xe2, 0xc5, 0xb2, 0xc0};
  const auto video = parse_h264_sequence(kInterlaced);
  REQUIRE(video.has_value());
  CHECK(video.value().is_interlaced);
  CHECK(video.value().height == 1080);
  CHECK_FALSE(parse_h264_sequence(kHigh).value().is_interlaced);
}

TEST_CASE("noise is refused", "[h264]") {
  CHECK_FALSE(parse_h264_sequence(std::vector<std::uint8_t>(40, 0x00)).has_value());
  CHECK_FALSE(parse_h264_sequence({}).has_value());
}
