#include "app/config_values.h"

#include <catch2/catch.hpp>

using namespace millrace::app;

namespace {

std::string message_of(const ValueRule& rule, std::string_view text) {
  const auto value = parse_value(rule, text);
  return value.has_value() ? "accepted: " + print_value(rule.kind, value.value())
                           : value.error().message;
}

std::int64_t number_of(const ValueRule& rule, std::string_view text) {
  const auto value = parse_value(rule, text);
  REQUIRE(value.has_value());
  return std::get<std::int64_t>(value.value());
}

}  // namespace

TEST_CASE("durations carry a unit", "[config]") {
  const ValueRule rule{ValueKind::kDuration};
  CHECK(number_of(rule, "200ms") == 200'000'000);
  CHECK(number_of(rule, "2s") == 2'000'000'000);
  CHECK(number_of(rule, "15m") == 900'000'000'000);
  CHECK(number_of(rule, "1h") == 3'600'000'000'000);
  CHECK(number_of(rule, "0s") == 0);
  for (const auto* text : {"", "200", "2 s", "2sec", "-2s", "+2s", "1.5s", "s", "2S", "0x2s"})
    CHECK(message_of(rule, text) ==
          quote(text) +
              " is not a duration: write a whole number with ms, s, m or h, such as 200ms");
}

TEST_CASE("sizes and bit rates carry a unit of their own", "[config]") {
  CHECK(number_of({ValueKind::kBytes}, "64KiB") == 65'536);
  CHECK(number_of({ValueKind::kBytes}, "3MiB") == 3'145'728);
  CHECK(number_of({ValueKind::kBytes}, "4GiB") == 4'294'967'296);
  CHECK(number_of({ValueKind::kBitRate}, "2800k") == 2'800'000);
  CHECK(number_of({ValueKind::kBitRate}, "6M") == 6'000'000);
  CHECK_FALSE(parse_value({ValueKind::kBytes}, "64MB").has_value());
  CHECK_FALSE(parse_value({ValueKind::kBytes}, "64").has_value());
  CHECK_FALSE(parse_value({ValueKind::kBitRate}, "2800kbps").has_value());
}

TEST_CASE("a number outside its range is told the bound, in its own unit", "[config]") {
  const ValueRule part{ValueKind::kDuration, {100'000'000, 1'000'000'000}};
  CHECK(message_of(part, "20ms") == "20ms is below the least, 100ms");
  CHECK(message_of(part, "1001ms") == "1001ms is above the most, 1s");
  CHECK(message_of(part, "100ms") == "accepted: 100ms");
  CHECK(message_of(part, "1s") == "accepted: 1s");
}

TEST_CASE("numbers too large for 64 bits are refused with and without a unit", "[config]") {
  CHECK(message_of({ValueKind::kCount}, "99999999999999999999") ==
        "'99999999999999999999' is too large a number");
  CHECK(message_of({ValueKind::kDuration, {0, 1'000'000}}, "9223372036854775807h") ==
        "9223372036854775807h is above the most, 1ms");
}

TEST_CASE("booleans are true or false and nothing else", "[config]") {
  CHECK(message_of({ValueKind::kBoolean}, "true") == "accepted: true");
  CHECK(message_of({ValueKind::kBoolean}, "false") == "accepted: false");
  CHECK(message_of({ValueKind::kBoolean}, "yes") == "'yes' is not a boolean: write true or false");
}

TEST_CASE("a choice is one of its words", "[config]") {
  const ValueRule rule{ValueKind::kChoice, {}, "balanced realtime"};
  CHECK(message_of(rule, "realtime") == "accepted: realtime");
  CHECK(message_of(rule, "fast") == "'fast' is none of: balanced, realtime");
  CHECK_FALSE(parse_value(rule, "").has_value());
}

TEST_CASE("networks are addresses with or without a length", "[config]") {
  const ValueRule rule{ValueKind::kNetworks, {0, 64}};
  for (const auto* text : {"192.0.2.7", "192.0.2.0/24", "2001:db8::/32", "::1", "0.0.0.0/0"})
    CHECK(message_of(rule, text) == std::string("accepted: ") + text);
  CHECK(message_of(rule, "proxy.example") ==
        "'proxy.example' is neither an address nor a network of IPv4 or IPv6");
  CHECK(message_of(rule, "192.0.2.7/24") ==
        "'192.0.2.7/24' has more than its first 24 bits: write 192.0.2.0/24");
  CHECK(print_bounds(rule) == "0 to 64 entries");
}

TEST_CASE("listeners are an address and a port", "[config]") {
  const ValueRule rule{ValueKind::kListeners};
  for (const auto* text : {"0.0.0.0:8080", "127.0.0.1:0", "[::]:8080", "[2001:db8::1]:65535"})
    CHECK(message_of(rule, text) == std::string("accepted: ") + text);
  for (const auto* text : {"8080", ":8080", "localhost:8080", "::1:8080", "[::1:8080", "[]:1",
                           "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3:80", "1.2.3.4:80x"})
    CHECK_FALSE(parse_value(rule, text).has_value());
}

TEST_CASE("a refused publishing key is not quoted", "[config]") {
  const auto refused = parse_value({ValueKind::kKeys}, "my s3cret");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("s3cret") == std::string::npos);
  for (const char* const text : {"too short", "nine char", "has a space in it"}) {
    const auto secret = parse_value({ValueKind::kSecret}, text);
    REQUIRE_FALSE(secret.has_value());
    CHECK(secret.error().message.find(text) == std::string::npos);
  }
  CHECK(parse_value({ValueKind::kSecret}, "").has_value());
  CHECK(parse_value({ValueKind::kSecret}, "correct-horse").has_value());
  CHECK_FALSE(parse_value({ValueKind::kSecret}, std::string(80, 'k')).has_value());
  CHECK_FALSE(parse_value({ValueKind::kKeys}, "").has_value());
  CHECK_FALSE(parse_value({ValueKind::kKeys}, std::string(257, 'k')).has_value());
  CHECK(parse_value({ValueKind::kKeys}, std::string(256, 'k')).has_value());
}

TEST_CASE("printed numbers use the largest unit that is exact", "[config]") {
  CHECK(print_value(ValueKind::kDuration, std::int64_t{90'000'000'000}) == "90s");
  CHECK(print_value(ValueKind::kDuration, std::int64_t{0}) == "0ms");
  CHECK(print_value(ValueKind::kBytes, std::int64_t{4'294'967'296}) == "4GiB");
  CHECK(print_value(ValueKind::kBitRate, std::int64_t{2'800'000}) == "2800k");
  CHECK(print_value(ValueKind::kCount, std::int64_t{10'000}) == "10000");
  CHECK(print_value(ValueKind::kPath, std::string()) == "\"\"");
  CHECK(print_value(ValueKind::kListeners, std::vector<std::string>{"a", "b"}) == "[\"a\", \"b\"]");
}

TEST_CASE("quoted text is one short line", "[config]") {
  CHECK(quote("a\nb\x1b") == "'a?b?'");
  CHECK(quote(std::string(100, 'x')) == "'" + std::string(60, 'x') + "…'");
}

TEST_CASE("a text is one line, an entry of a list of paths is something", "[config]") {
  CHECK(message_of({ValueKind::kText}, "") == "accepted: \"\"");
  CHECK(message_of({ValueKind::kText}, "https://play.example.com é") ==
        "accepted: https://play.example.com é");
  CHECK(message_of({ValueKind::kText}, "a\nb") ==
        "'a?b' is not a text: write one line of at most 256 bytes");
  CHECK_FALSE(parse_value({ValueKind::kText}, std::string(257, 'x')).has_value());
  CHECK(parse_value({ValueKind::kPaths}, "/etc/key.pem").has_value());
  CHECK_FALSE(parse_value({ValueKind::kPaths}, "").has_value());
}
