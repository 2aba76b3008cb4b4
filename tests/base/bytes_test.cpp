#include "base/bytes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>

using millrace::Bytes;
using millrace::kBytesPadding;
using millrace::MutableBytes;

namespace {

bool has_zero_padding(const std::uint8_t* end) {
  return std::all_of(end, end + kBytesPadding, [](auto byte) { return byte == 0; });
}

}  // namespace

TEST_CASE("bytes hold what they were filled with, behind it zeros to read over", "[bytes]") {
  MutableBytes filling(3);
  REQUIRE(filling.size() == 3);
  std::copy_n("abc", 3, filling.span().data());
  const auto* const address = filling.data();
  const Bytes bytes(std::move(filling));
  CHECK(bytes.text() == "abc");
  CHECK(bytes.data() == address);  // Not copied.
  CHECK(has_zero_padding(bytes.data() + bytes.size()));
}

TEST_CASE("a buffer that was handed on is empty and can be filled anew", "[bytes]") {
  MutableBytes filling(3);
  std::copy_n("abc", 3, filling.data());
  const Bytes first(std::move(filling));
  CHECK(filling.size() == 0);
  filling = MutableBytes(2);
  std::copy_n("de", 2, filling.data());
  const Bytes second(std::move(filling));
  CHECK(first.text() == "abc");
  CHECK(second.text() == "de");
}

TEST_CASE("a copy has bytes of its own, padded too", "[bytes]") {
  std::string source = "abc";
  const Bytes copy = Bytes::copy_of(source);
  source = "xyz";
  CHECK(copy.text() == "abc");
  CHECK(has_zero_padding(copy.data() + 3));
  const std::uint8_t numbers[] = {1, 0, 2};
  CHECK(Bytes::copy_of(numbers)[2] == 2);
  CHECK(Bytes::copy_of(numbers).size() == 3);
}

TEST_CASE("empty bytes are padded as well, where they have been allocated", "[bytes]") {
  CHECK(Bytes().empty());
  CHECK(Bytes() == Bytes::copy_of(""));
  const Bytes empty = Bytes::copy_of("");
  CHECK(empty.empty());
  CHECK(has_zero_padding(empty.data()));
  CHECK(Bytes(MutableBytes()).empty());
}

TEST_CASE("copies and slices share one allocation and keep it alive", "[bytes]") {
  Bytes slice;
  const std::uint8_t* address = nullptr;
  {
    const Bytes whole = Bytes::copy_of("abcdef");
    const Bytes copy = whole;
    CHECK(copy.data() == whole.data());
    slice = copy.slice(1, 4).slice(1);
    address = whole.data() + 2;
  }
  CHECK(slice.text() == "cde");
  CHECK(slice.data() == address);
}

TEST_CASE("a slice may be all of it, or nothing at any place up to its end", "[bytes]") {
  const Bytes bytes = Bytes::copy_of("abc");
  CHECK(bytes.slice(0) == bytes);
  CHECK(bytes.slice(0, 3) == bytes);
  CHECK(bytes.slice(3).empty());
  CHECK(bytes.slice(3, 0).empty());
  CHECK(bytes.slice(1, 0).empty());
}

TEST_CASE("bytes are equal by content, wherever they are", "[bytes]") {
  const Bytes bytes = Bytes::copy_of("abcabc");
  CHECK(bytes.slice(0, 3) == bytes.slice(3));
  CHECK_FALSE(bytes.slice(0, 3) == bytes.slice(1, 3));
  CHECK_FALSE(bytes.slice(0, 3) == bytes);
  CHECK(Bytes::copy_of(std::string_view("\0", 1)).size() == 1);
  CHECK_FALSE(Bytes::copy_of(std::string_view("\0", 1)) == Bytes());
}

TEST_CASE("bytes of the program's own are looked at where they are", "[bytes]") {
  static constexpr std::uint8_t kFile[] = {'f', 'i', 'l', 'e'};
  const Bytes bytes = Bytes::of_static(kFile);
  CHECK(bytes.data() == kFile);
  CHECK(bytes.slice(2).text() == "le");
}
