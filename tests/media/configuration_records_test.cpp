#include "media/configuration_records.h"

#include <catch2/catch.hpp>

#include "media/codec_configuration.h"
#include "tests/support/flv_tags.h"

using namespace millrace;
using namespace millrace::test;

namespace {

/// The NAL unit with its 2-byte length at `at`, which moves behind it.
std::vector<std::uint8_t> unit_at(const ByteVector& record, std::size_t& at) {
  const std::size_t length = static_cast<std::size_t>(record[at] << 8 | record[at + 1]);
  const auto begin = record.begin() + static_cast<std::ptrdiff_t>(at + 2);
  at += 2 + length;
  return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

}  // namespace

TEST_CASE("an avcC made of parameter sets is the one that x264's muxer wrote",
          "[configuration_records]") {
  const auto expected = avcc_640x360();
  std::size_t at = 6;
  const auto sps = unit_at(expected, at);
  ++at;
  const auto pps = unit_at(expected, at);
  const auto made = make_avc_configuration({sps}, {pps});
  REQUIRE(made.has_value());
  CHECK(made.value() == Bytes::copy_of(expected));
}

TEST_CASE("an hvcC made of parameter sets is the one that x265's muxer wrote",
          "[configuration_records]") {
  const auto expected = hvcc_320x180();
  std::size_t at = 23;
  NalUnits units;
  for (int i = 0; i < 3; ++i) {
    at += 3;  // Type and count.
    units.push_back(unit_at(expected, at));
  }
  const auto made = make_hevc_configuration({units[0]}, {units[1]}, {units[2]});
  REQUIRE(made.has_value());
  CHECK(made.value() == Bytes::copy_of(expected));
}

TEST_CASE("an av1C made of a sequence header is the one that libaom's muxer wrote",
          "[configuration_records]") {
  const auto expected = from_hex("81000c000a0b000000043cfeccdaf90040");
  const auto header = std::span(expected).subspan(4);
  const auto made = make_av1_configuration(header);
  REQUIRE(made.has_value());
  CHECK(made.value() == Bytes::copy_of(expected));
  for (std::size_t size = 0; size < header.size(); ++size)
    CHECK_FALSE(make_av1_configuration(header.first(size)).has_value());
  // 4:4:4.
  const auto other = av1c_320x180();
  CHECK_FALSE(make_av1_configuration(std::span(other).subspan(4)).has_value());
}

TEST_CASE("without usable parameter sets there is no record", "[configuration_records]") {
  const std::vector<std::uint8_t> sps{0x67, 0x42, 0xC0, 0x0D, 0xDA};
  const std::vector<std::uint8_t> pps{0x68, 0xCE};
  CHECK(make_avc_configuration({sps}, {pps}).has_value());
  CHECK_FALSE(make_avc_configuration({}, {pps}).has_value());
  CHECK_FALSE(make_avc_configuration({sps}, {}).has_value());
  CHECK_FALSE(make_avc_configuration({{0x67}}, {pps}).has_value());
  CHECK_FALSE(make_avc_configuration(NalUnits(32, sps), {pps}).has_value());
  CHECK_FALSE(make_avc_configuration({sps}, {std::vector<std::uint8_t>(65'536)}).has_value());
  CHECK_FALSE(make_hevc_configuration({}, {sps}, {pps}).has_value());
  // Fifteen bytes of which emulation prevention leaves fewer.
  std::vector<std::uint8_t> short_sps(15, 0);
  short_sps[2] = 3;
  CHECK_FALSE(make_hevc_configuration({{0x40, 1}}, {short_sps}, {pps}).has_value());
}
