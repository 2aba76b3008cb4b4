#include "ingest/auth/publish_name.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::ingest;

namespace {

std::string value_of(std::string_view text, std::string_view parameter) {
  const auto name = parse_publish_name(text);
  REQUIRE(name.has_value());
  const auto* const value = name.value().find(parameter);
  return value != nullptr ? *value : "(none)";
}

}  // namespace

TEST_CASE("a publish name is a name and what stands behind the question mark", "[auth]") {
  CHECK(parse_publish_name("s3cret").value().name == "s3cret");
  CHECK(parse_publish_name("shop?key=s3cret").value().name == "shop");
  CHECK(value_of("shop?key=s3cret", "key") == "s3cret");
  CHECK(value_of("shop?a=1&key=s3=cret&b=2", "key") == "s3=cret");
  CHECK(value_of("shop?key=a%26b%", "key") == "a&b%");
  CHECK(value_of("shop?key", "key") == "(none)");
  CHECK(value_of("shop?&&=x&key=", "key").empty());
  CHECK(parse_publish_name("shop?").value().parameters.empty());
}

TEST_CASE("what is signed is all in front of the signature, and what follows it is left out",
          "[auth]") {
  const auto name = parse_publish_name("shop?expires=9&bitrate=5M&sig=ab&session=1h");
  CHECK(name.value().signed_text == "shop?expires=9&bitrate=5M");
  CHECK(value_of("shop?expires=9&sig=ab&session=1h", "session") == "(none)");
  CHECK(parse_publish_name("shop?sig=ab").value().signed_text == "shop");
  CHECK(parse_publish_name("shop?expires=9").value().signed_text.empty());
}

TEST_CASE("names that say two things at a time or nothing are refused", "[auth]") {
  for (const auto* text : {"", "?key=a", "shop?key=a&key=b", "shop?expires=1&expires=2&sig=a"})
    CHECK_FALSE(parse_publish_name(text).has_value());
  CHECK(parse_publish_name(std::string(kMaxPublishNameBytes, 'a')).has_value());
  CHECK_FALSE(parse_publish_name(std::string(kMaxPublishNameBytes + 1, 'a')).has_value());
}

TEST_CASE("limits are whole numbers with the units that they have", "[auth]") {
  PublishLimits limits;
  CHECK(set_limit(limits, "bitrate", "6M").has_value());
  CHECK(set_limit(limits, "width", "1920").has_value());
  CHECK(set_limit(limits, "height", "1080").has_value());
  CHECK(set_limit(limits, "frame_rate", "30").has_value());
  CHECK(set_limit(limits, "session", "2h").has_value());
  CHECK(limits == PublishLimits{.bits_per_second = 6'000'000,
                                .width = 1920,
                                .height = 1080,
                                .frame_rate = 30,
                                .session = std::chrono::hours(2)});
  CHECK(print_limits(limits) ==
        "bitrate=6000000&width=1920&height=1080&frame_rate=30&session=7200");
  CHECK(print_limits({}).empty());
  for (const auto* value : {"", "0", "-1", "6G", "6 M", "M", "1e3", "99999999999999999999"})
    CHECK_FALSE(set_limit(limits, "bitrate", value).has_value());
  CHECK_FALSE(set_limit(limits, "width", "2k").has_value());
  CHECK_FALSE(set_limit(limits, "session", "9999999h").has_value());
  CHECK(set_limit(limits, "bit_rate", "6M").error().code == ErrorCode::kUnsupported);
  CHECK(limits.bits_per_second == 6'000'000);
}

TEST_CASE("of two limits the stricter one holds, and none is none", "[auth]") {
  const PublishLimits a{.bits_per_second = 5, .width = 0, .height = 7, .session = {}};
  const PublishLimits b{.bits_per_second = 3, .width = 9, .session = std::chrono::seconds(4)};
  const PublishLimits both{.bits_per_second = 3,
                           .width = 9,
                           .height = 7,
                           .frame_rate = 0,
                           .session = std::chrono::seconds(4)};
  CHECK(stricter(a, b) == both);
  CHECK(stricter(b, a) == both);
}
