#include "net/rtmp/amf0.h"

#include <catch2/catch.hpp>
#include <limits>

using millrace::ErrorCode;
using namespace millrace::net::rtmp;

namespace {

using ByteVector = std::vector<std::uint8_t>;

millrace::Result<AmfValue> read_one(const ByteVector& bytes) {
  return Amf0Reader(bytes).read();
}

}  // namespace

TEST_CASE("an AMF0 value reads back as it was written", "[rtmp]") {
  const AmfValue value(AmfObject{{"number", -12.5},
                                 {"yes", true},
                                 {"no", false},
                                 {"text", "key"},
                                 {"long", std::string(70'000, 'x')},
                                 {"null", AmfNull{}},
                                 {"undefined", AmfValue()},
                                 {"inner", AmfObject{{"empty", AmfObject{}}}}});
  ByteVector bytes;
  append_amf0(bytes, value);
  append_amf0(bytes, 1.0);
  Amf0Reader reader(bytes);
  const auto first = reader.read();
  REQUIRE(first.has_value());
  CHECK(first.value() == value);
  CHECK(reader.position() == bytes.size() - 9);
  CHECK(reader.read().value() == AmfValue(1.0));
  CHECK(reader.at_end());
}

TEST_CASE("an AMF0 value that is cut anywhere is invalid", "[rtmp]") {
  ByteVector bytes;
  append_amf0(bytes, AmfObject{{"a", "text"}, {"b", 2.0}, {"c", AmfObject{{"d", true}}}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto value = read_one({bytes.begin(), bytes.begin() + static_cast<int>(size)});
    REQUIRE_FALSE(value.has_value());
    CHECK(value.error().code == ErrorCode::kInvalidData);
  }
}

TEST_CASE("an ECMA array reads as an object whatever its count says", "[rtmp]") {
  const auto value = read_one({8, 0, 0, 0, 99, 0, 1, 'w', 5, 0, 0, 9});
  REQUIRE(value.has_value());
  CHECK(value.value() == AmfValue(AmfObject{{"w", AmfNull{}}}));
}

TEST_CASE("a strict array's items have no names", "[rtmp]") {
  const auto value = read_one({10, 0, 0, 0, 2, 1, 1, 6});
  REQUIRE(value.has_value());
  CHECK(value.value() == AmfValue(AmfObject{{"", true}, {"", AmfValue()}}));
}

TEST_CASE("a date is its number of milliseconds, a typed object an object", "[rtmp]") {
  CHECK(read_one({11, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0, 0}).value() == AmfValue(1.0));
  CHECK(read_one({16, 0, 1, 'T', 0, 1, 'a', 1, 0, 0, 0, 9}).value() ==
        AmfValue(AmfObject{{"a", false}}));
}

TEST_CASE("AMF3 values, references and unknown markers are refused", "[rtmp]") {
  CHECK(read_one({0x11, 0}).error().code == ErrorCode::kUnsupported);
  CHECK(read_one({0x07, 0, 0}).error().code == ErrorCode::kUnsupported);
  CHECK(read_one({0x42}).error().code == ErrorCode::kInvalidData);
}

TEST_CASE("nesting and the number of AMF0 values are limited", "[rtmp]") {
  ByteVector deep;
  for (int i = 0; i < 100; ++i) deep.insert(deep.end(), {3, 0, 1, 'x'});
  CHECK(read_one(deep).error().code == ErrorCode::kLimitExceeded);

  ByteVector many{10, 0xFF, 0xFF, 0xFF, 0xFF};
  many.resize(100'000, 5);
  CHECK(read_one(many).error().code == ErrorCode::kLimitExceeded);
}

TEST_CASE("an AMF0 value answers only for the kind it is", "[rtmp]") {
  const AmfValue object(AmfObject{{"fps", 30.0}, {"fps", 25.0}});
  REQUIRE(object.find("fps") != nullptr);
  CHECK(object.find("fps")->number() == 30.0);
  CHECK(object.find("width") == nullptr);
  CHECK(AmfValue("text").find("fps") == nullptr);
  CHECK(AmfValue("30").number() == std::nullopt);
  CHECK(AmfValue(30.0).string() == nullptr);
}
