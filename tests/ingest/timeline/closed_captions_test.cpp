#include "ingest/timeline/closed_captions.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace millrace;
using namespace millrace::ingest;

namespace {

using ByteVector = std::vector<std::uint8_t>;

const ByteVector kCaptions = {0x04, 0x0c, 0xb5, 0x00, 0x31, 'G',  'A',
                              '9',  '4',  0x03, 0xc1, 0xff, 0xfc, 0x80};

void append_unit(ByteVector& out, ByteVector header, const ByteVector& body) {
  header.insert(header.end(), body.begin(), body.end());
  for (const int shift : {24, 16, 8, 0})
    out.push_back(static_cast<std::uint8_t>(header.size() >> shift));
  out.insert(out.end(), header.begin(), header.end());
}

}  // namespace

TEST_CASE("captions are seen in the enhancement information of either codec", "[captions]") {
  ByteVector avc, hevc;
  append_unit(avc, {0x09}, {0xf0});
  append_unit(avc, {0x06}, kCaptions);
  append_unit(avc, {0x65}, {1, 2, 3});
  CHECK(carries_closed_captions(Codec::kH264, avc));
  append_unit(hevc, {39 << 1, 1}, kCaptions);
  CHECK(carries_closed_captions(Codec::kHevc, hevc));
  CHECK_FALSE(carries_closed_captions(Codec::kAv1, avc));
}

TEST_CASE("the same bytes in a slice, or other enhancement information, are no captions",
          "[captions]") {
  ByteVector slice, other;
  append_unit(slice, {0x65}, kCaptions);
  CHECK_FALSE(carries_closed_captions(Codec::kH264, slice));
  append_unit(other, {0x06}, {0x05, 0x04, 'x', '2', '6', '4'});
  append_unit(other, {0x41}, {1, 2, 3});
  CHECK_FALSE(carries_closed_captions(Codec::kH264, other));
}

TEST_CASE("lengths that lie end the search", "[captions]") {
  for (const ByteVector& broken :
       {ByteVector{}, ByteVector{0, 0, 0, 9, 6}, ByteVector{0, 0, 0, 0, 6, 1},
        ByteVector{0xff, 0xff, 0xff, 0xff, 6, 1}})
    CHECK_FALSE(carries_closed_captions(Codec::kH264, broken));
}
