#include "media/annex_b.h"

#include <catch2/catch.hpp>

using namespace millrace;

namespace {

using ByteVector = std::vector<std::uint8_t>;

ByteVector payload_of(const AnnexBPicture& picture) {
  const auto span = picture.payload.span();
  return {span.begin(), span.end()};
}

}  // namespace

TEST_CASE("a picture's start codes become lengths, of three bytes and of four", "[annex_b]") {
  const ByteVector bytes{0, 0, 0, 1, 0x65, 1, 2, 0, 0, 1, 0x65, 3, 0, 0, 0, 0, 1, 0x06, 4};
  const auto picture = parse_annex_b(Codec::kH264, bytes);
  CHECK(payload_of(picture) ==
        ByteVector{0, 0, 0, 3, 0x65, 1, 2, 0, 0, 0, 2, 0x65, 3, 0, 0, 0, 2, 0x06, 4});
  CHECK(picture.is_random_access);
}

TEST_CASE("parameter sets stand beside the picture, delimiters and filler are left out",
          "[annex_b]") {
  const ByteVector bytes{0,    0,    1, 0x09, 0xF0, 0,    0, 1, 0x67, 0x42, 0,    0,    1,
                         0x68, 0xCE, 0, 0,    1,    0x41, 7, 0, 0,    1,    0x0C, 0xFF, 0x80};
  const auto picture = parse_annex_b(Codec::kH264, bytes);
  CHECK(payload_of(picture) == ByteVector{0, 0, 0, 2, 0x41, 7});
  REQUIRE(picture.sps.size() == 1);
  CHECK(picture.sps[0].size() == 2);
  CHECK(picture.pps.size() == 1);
  CHECK_FALSE(picture.is_random_access);
}

TEST_CASE("of HEVC the IRAP pictures are for random access, and there are three kinds of sets",
          "[annex_b]") {
  const auto unit = [](int type) {
    return ByteVector{0, 0, 1, static_cast<std::uint8_t>(type << 1), 1, 9};
  };
  for (const int type : {16, 19, 20, 21})
    CHECK(parse_annex_b(Codec::kHevc, unit(type)).is_random_access);
  for (const int type : {0, 1, 9, 22, 23, 39})
    CHECK_FALSE(parse_annex_b(Codec::kHevc, unit(type)).is_random_access);
  CHECK(parse_annex_b(Codec::kHevc, unit(32)).vps.size() == 1);
  CHECK(parse_annex_b(Codec::kHevc, unit(33)).sps.size() == 1);
  CHECK(parse_annex_b(Codec::kHevc, unit(34)).pps.size() == 1);
  for (const int type : {35, 36, 37, 38})
    CHECK(parse_annex_b(Codec::kHevc, unit(type)).payload.empty());
}

TEST_CASE("bytes without a start code are no picture", "[annex_b]") {
  CHECK(parse_annex_b(Codec::kH264, ByteVector{}).payload.empty());
  CHECK(parse_annex_b(Codec::kH264, ByteVector{0, 0}).payload.empty());
  CHECK(parse_annex_b(Codec::kH264, ByteVector{1, 2, 3, 4, 5}).payload.empty());
  CHECK(parse_annex_b(Codec::kH264, ByteVector{0, 0, 1}).payload.empty());
  CHECK(parse_annex_b(Codec::kH264, ByteVector{0, 0, 1, 0, 0, 1, 0, 0}).payload.empty());
}
