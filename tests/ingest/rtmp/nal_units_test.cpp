#include "ingest/rtmp/nal_units.h"

#include <vector>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using millrace::Bytes;
using millrace::Codec;
using millrace::ErrorCode;
using millrace::ingest::is_random_access_picture;

namespace {

using ByteVector = std::vector<std::uint8_t>;

/// NAL units of the first bytes given, one byte of content behind each.
Bytes picture(const ByteVector& first_bytes) {
  ByteVector bytes;
  for (const auto first : first_bytes) bytes.insert(bytes.end(), {0, 0, 0, 2, first, 0x80});
  return Bytes::copy_of(bytes);
}

bool is_random_access(Codec codec, const Bytes& payload) {
  const auto found = is_random_access_picture(codec, payload);
  REQUIRE(found.has_value());
  return found.value();
}

}  // namespace

TEST_CASE("an H.264 picture can be started at if it has an IDR slice", "[nal]") {
  CHECK(is_random_access(Codec::kH264, picture({0x65})));
  // Delimiter, SPS, PPS, SEI in front; nal_ref_idc does not matter.
  CHECK(is_random_access(Codec::kH264, picture({0x09, 0x67, 0x68, 0x06, 0x25})));
  CHECK(is_random_access(Codec::kH264, picture({0x65, 0x65, 0x06})));
  // A recovery point that the encoder may call a key frame, parameter sets or not.
  CHECK_FALSE(is_random_access(Codec::kH264, picture({0x67, 0x68, 0x06, 0x41})));
  CHECK_FALSE(is_random_access(Codec::kH264, picture({0x01})));
}

TEST_CASE("an HEVC picture can be started at if it is IRAP", "[nal]") {
  for (int type = 0; type < 64; ++type) {
    CAPTURE(type);
    const auto first = static_cast<std::uint8_t>(type << 1);
    CHECK(is_random_access(Codec::kHevc, picture({0x46, first})) == (type >= 16 && type <= 21));
  }
}

TEST_CASE("each codec has its own NAL unit header", "[nal]") {
  CHECK_FALSE(is_random_access(Codec::kHevc, picture({0x65})));
  CHECK_FALSE(is_random_access(Codec::kH264, picture({19 << 1})));
}

TEST_CASE("a picture without NAL units, or with empty ones, is none to start at", "[nal]") {
  CHECK_FALSE(is_random_access(Codec::kH264, Bytes()));
  static constexpr std::uint8_t kEmptyUnit[] = {0, 0, 0, 0};  // With no padding behind it.
  CHECK_FALSE(is_random_access(Codec::kH264, Bytes::of_static(kEmptyUnit)));
  // An empty unit in between is stepped over, not read past.
  CHECK(is_random_access(Codec::kH264,
                         Bytes::copy_of(ByteVector{0, 0, 0, 0, 0, 0, 0, 1, 0x65, 0, 0, 0, 0})));
}

TEST_CASE("lengths that do not add up are invalid, even behind an IDR slice", "[nal]") {
  const auto whole = picture({0x65, 0x41});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    if (size == 6) continue;  // One whole unit.
    CAPTURE(size);
    const auto found = is_random_access_picture(Codec::kH264, whole.slice(0, size));
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().code == ErrorCode::kInvalidData);
  }
  const auto largest =
      is_random_access_picture(Codec::kHevc, Bytes::copy_of(ByteVector{0xFF, 0xFF, 0xFF, 0xFF, 1}));
  CHECK_FALSE(largest.has_value());
}

TEST_CASE("start codes in a length's place are told to the person at the encoder", "[nal]") {
  const auto found = is_random_access_picture(
      Codec::kH264, Bytes::copy_of(ByteVector{0, 0, 0, 1, 0x09, 0, 0, 0, 1, 0x65, 0x88}));
  // The first start code reads as a unit of one byte, the next one as well.
  REQUIRE_FALSE(found.has_value());
  const auto annex_b =
      is_random_access_picture(Codec::kH264, Bytes::copy_of(ByteVector{0, 0, 1, 0x65, 0x88, 0x84}));
  REQUIRE_FALSE(annex_b.has_value());
  CHECK(annex_b.error().message.find("Annex B") != std::string::npos);
}
