#include "hls/byte_range.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::hls;

namespace {

struct Expected {
  const char* header;
  std::uint64_t first, last;
};

}  // namespace

TEST_CASE("a range is clipped to what there is", "[range]") {
  for (const auto& [header, first, last] :
       {Expected{"bytes=0-9", 0, 9}, Expected{"bytes=95-", 95, 99}, Expected{"bytes=-7", 93, 99},
        Expected{"bytes=-700", 0, 99}, Expected{"bytes=10-1000", 10, 99},
        Expected{"bytes=10-9007199254740991", 10, 99},
        Expected{"bytes=10-99999999999999999999999", 10, 99}, Expected{"bytes=99-99", 99, 99},
        Expected{"Bytes=0-9", 0, 9}, Expected{"BYTES=-7", 93, 99}}) {
    CAPTURE(header);
    const auto range = parse_byte_range(header, 100);
    CHECK(range.kind == ByteRange::Kind::kPart);
    CHECK(range.first == first);
    CHECK(range.last == last);
  }
}

TEST_CASE("a range beyond the end cannot be satisfied", "[range]") {
  CHECK(parse_byte_range("bytes=100-", 100).kind == ByteRange::Kind::kUnsatisfiable);
  CHECK(parse_byte_range("bytes=-0", 100).kind == ByteRange::Kind::kUnsatisfiable);
}

TEST_CASE("what is no range, or several, is ignored", "[range]") {
  for (const char* const header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2",
                                   "lines=0-9", "bytes=0-1,5-6", "bytes= 0-1", "bytes=0x1-2"}) {
    CAPTURE(header);
    CHECK(parse_byte_range(header, 100).kind == ByteRange::Kind::kWhole);
  }
}

TEST_CASE("a slice over several pieces shares their bytes", "[range]") {
  const std::vector<Bytes> pieces{Bytes::copy_of("abc"), Bytes::copy_of("defg"),
                                  Bytes::copy_of("h")};
  const auto middle = slice(pieces, 2, 5);
  REQUIRE(middle.size() == 2);
  CHECK(middle[0].text() == "c");
  CHECK(middle[1].text() == "def");
  CHECK(middle[1].data() == pieces[1].data());
  CHECK(slice(pieces, 0, 7).size() == 3);
  CHECK(slice(pieces, 7, 7).at(0).text() == "h");
}
