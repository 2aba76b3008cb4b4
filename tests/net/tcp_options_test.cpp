#include "net/tcp_options.h"

#include <catch2/catch.hpp>

using namespace millrace;
using net::parse_host_and_port;

namespace {

std::string parts(std::string_view text) {
  const auto parsed = parse_host_and_port(text);
  return parsed.has_value() ? parsed.value().host + " " + parsed.value().port : "";
}

}  // namespace

TEST_CASE("a host is a name or an address, with its port", "[tcp_options]") {
  CHECK(parts("encoder1.example:7400") == "encoder1.example 7400");
  CHECK(parts("192.0.2.7:7400") == "192.0.2.7 7400");
  CHECK(parts("[2001:db8::7]:7400") == "2001:db8::7 7400");
}

TEST_CASE("what is no host with a port is refused", "[tcp_options]") {
  for (const char* const text :
       {"", "encoder1", "encoder1:", ":7400", "encoder1:70000", "encoder1:74x", "2001:db8::7:7400",
        "[]:7400", "a b:7400", "https://encoder1:7400", "[2001:db8::7:7400"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_host_and_port(text).has_value());
  }
}
