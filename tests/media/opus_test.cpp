#include "media/opus.h"

#include <string_view>
#include <vector>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;

namespace {

using ByteVector = std::vector<std::uint8_t>;

ByteVector head(const ByteVector& rest) {
  ByteVector bytes;
  for (const char letter : std::string_view("OpusHead"))
    bytes.push_back(static_cast<std::uint8_t>(letter));
  for (const std::uint8_t byte : rest) bytes.push_back(byte);
  return bytes;
}

}  // namespace

TEST_CASE("an Opus header is kept in the order of MP4", "[opus]") {
  // Version 1, stereo, pre-skip 312, 48 kHz, gain 0, family 0; numbers are little-endian.
  const ByteVector body = {1, 2, 0x38, 0x01, 0x80, 0xBB, 0, 0, 0, 0, 0};
  for (const auto& bytes : {head(body), body}) {
    const auto track = parse_opus_head(bytes);
    REQUIRE(track.has_value());
    CHECK(track.value().audio == AudioParameters{48'000, 2, 960});
    CHECK(track.value().codec_configuration ==
          Bytes::copy_of(ByteVector{0, 2, 0x01, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 0}));
  }
}

TEST_CASE("an Opus header that cannot be is refused", "[opus]") {
  for (const ByteVector& wrong :
       {ByteVector{}, ByteVector{1, 2, 0}, ByteVector{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
        ByteVector{1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ByteVector{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 255},
        ByteVector{1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 2, 0},
        ByteVector{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 1},
        ByteVector{0x20, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0}}) {
    CHECK_FALSE(parse_opus_head(wrong).has_value());
    CHECK_FALSE(parse_opus_head(head(wrong)).has_value());
  }
}

TEST_CASE("six channels of Opus are mapped as RFC 7845 says", "[opus]") {
  const auto track = opus_track(6, 0);
  REQUIRE(track.has_value());
  const auto configuration = track.value().codec_configuration.span();
  CHECK(ByteVector(configuration.begin() + 10, configuration.end()) ==
        ByteVector{1, 4, 2, 0, 4, 1, 2, 3, 5});
  CHECK_FALSE(opus_track(0, 0).has_value());
  CHECK_FALSE(opus_track(9, 0).has_value());
}

TEST_CASE("an Opus packet's length is in its first bytes", "[opus]") {
  const std::pair<ByteVector, int> cases[] = {{{31 << 3}, 960},      {{28 << 3}, 120},
                                              {{16 << 3 | 1}, 240},  {{3 << 3}, 2880},
                                              {{12 << 3 | 2}, 960},  {{31 << 3 | 3, 6}, 5760},
                                              {{31 << 3 | 3, 7}, 0}, {{31 << 3 | 3, 0x46}, 5760},
                                              {{31 << 3 | 3}, 0},    {{}, 0},
                                              {{31 << 3 | 3, 0}, 0}};
  for (const auto& [packet, samples] : cases) CHECK(opus_samples(packet) == samples);
}
