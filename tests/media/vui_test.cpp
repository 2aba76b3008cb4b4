#include "media/vui.h"

#include <catch2/catch.hpp>

using namespace millrace;

TEST_CASE("only rates that a camera can have are believed", "[vui]") {
  VideoParameters video;
  set_frame_rate(video, 0, 0);
  set_frame_rate(video, 1, 2);
  set_frame_rate(video, 90000, 1);
  CHECK(video.frame_rate.numerator == 0);
  set_frame_rate(video, 60000, 2002);
  CHECK(video.frame_rate == Rational{30000, 1001});
}

TEST_CASE("aspect ratios come from the table or are told", "[vui]") {
  const std::uint8_t from_table[] = {0b10000001, 0b00000000};  // idc 2: 12:11
  VideoParameters video;
  BitReader first(from_table);
  read_vui_picture(first, video);
  CHECK(video.sample_aspect_ratio == Rational{12, 11});

  const std::uint8_t told[] = {0xff, 0x80, 0x20, 0x00, 0x18, 0x00, 0x00};  // 255, 64:48
  BitReader second(told);
  read_vui_picture(second, video);
  CHECK(video.sample_aspect_ratio == Rational{64, 48});

  const std::uint8_t nonsense[] = {0xff, 0x80, 0x00, 0x00, 0x18, 0x00, 0x00};  // 255, 0:48
  BitReader third(nonsense);
  VideoParameters untouched;
  read_vui_picture(third, untouched);
  CHECK(untouched.sample_aspect_ratio == Rational{1, 1});
}

TEST_CASE("reading past the end gives zeros and is remembered", "[vui]") {
  const std::uint8_t byte[] = {0xa5};
  BitReader bits(byte);
  CHECK(bits.read(8) == 0xa5);
  CHECK_FALSE(bits.has_overrun());
  CHECK(bits.read(4) == 0);
  CHECK(bits.has_overrun());
}

TEST_CASE("Golomb codes are read as the specification counts them", "[vui]") {
  const std::uint8_t codes[] = {0b10100110, 0b01000010, 0b10000000};
  BitReader bits(codes);
  CHECK(bits.read_unsigned_golomb() == 0);
  CHECK(bits.read_unsigned_golomb() == 1);
  CHECK(bits.read_unsigned_golomb() == 2);
  CHECK(bits.read_unsigned_golomb() == 3);
  CHECK(bits.read_signed_golomb() == -2);
}
