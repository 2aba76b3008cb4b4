#include "net/forwarded_for.h"

#include <catch2/catch.hpp>

using millrace::net::forwarded_for;
using millrace::net::HttpRequest;
using millrace::net::IpNetworks;
using millrace::net::kMaxForwardedHops;

namespace {

// By fields of X-Forwarded-For, with the networks of proxies trusted.
std::string told(const std::vector<std::string>& fields) {
  const auto trusted = IpNetworks::parse({"10.0.0.0/8", "2001:db8:1::/48"});
  REQUIRE(trusted.has_value());
  HttpRequest request;
  request.headers.emplace_back("host", "test");
  for (const auto& field : fields) {
    request.headers.emplace_back("x-forwarded-for", field);
    request.headers.emplace_back("forwarded", "for=203.0.113.99");
  }
  return forwarded_for(request, trusted.value());
}

}  // namespace

TEST_CASE("the last address that is no trusted proxy's is the client", "[http]") {
  CHECK(told({"192.0.2.7"}) == "192.0.2.7");
  CHECK(told({"192.0.2.7, 10.0.0.1"}) == "192.0.2.7");
  CHECK(told({"192.0.2.7, 10.0.0.1, 10.9.9.9,2001:db8:1::5"}) == "192.0.2.7");
  CHECK(told({"2001:db8::7,10.0.0.1"}) == "[2001:db8::7]");
}

TEST_CASE("what stands in front of the client is its own invention", "[http]") {
  CHECK(told({"203.0.113.1, 192.0.2.7, 10.0.0.1"}) == "192.0.2.7");
  CHECK(told({"10.0.0.1, 192.0.2.7"}) == "192.0.2.7");
  CHECK(told({"<script>, 192.0.2.7"}) == "192.0.2.7");
}

TEST_CASE("several fields are one list", "[http]") {
  CHECK(told({"192.0.2.7", "10.0.0.1"}) == "192.0.2.7");
  CHECK(told({"203.0.113.1, 192.0.2.7", "10.0.0.2, 10.0.0.1"}) == "192.0.2.7");
  CHECK(told({"203.0.113.1", "192.0.2.7"}) == "192.0.2.7");
}

TEST_CASE("where all are trusted the first one is the client", "[http]") {
  CHECK(told({"10.0.0.3, 10.0.0.2, 10.0.0.1"}) == "10.0.0.3");
}

TEST_CASE("the walk ends in front of what is no address", "[http]") {
  CHECK(told({"unknown, 10.0.0.2, 10.0.0.1"}) == "10.0.0.2");
  CHECK(told({"192.0.2.7, unknown, 10.0.0.1"}) == "10.0.0.1");
  CHECK(told({"192.0.2.7", "_obfuscated", "10.0.0.1"}) == "10.0.0.1");
}

TEST_CASE("without an address at its end nothing is told", "[http]") {
  CHECK(told({}).empty());
  CHECK(told({""}).empty());
  CHECK(told({" , ,\t"}).empty());
  for (const std::string text : {"unknown",
                                 "proxy.example",
                                 "192.0.2",
                                 "192.0.2.7:",
                                 "192.0.2.7:x",
                                 "192.0.2.7:65536",
                                 "192.0.2.7:1:2",
                                 "[192.0.2.7]",
                                 "[2001:db8::7",
                                 "2001:db8::7]",
                                 "[2001:db8::7]x",
                                 "[2001:db8::7]:",
                                 "[2001:db8::7]:99999",
                                 "[]",
                                 "192.0.2.7 192.0.2.8",
                                 "\"192.0.2.7\"",
                                 "for=192.0.2.7",
                                 "1.2.3.4;",
                                 ":80",
                                 "fe80::1%eth0"}) {
    CAPTURE(text);
    CHECK(told({text}).empty());
    CHECK(told({"192.0.2.8, " + text}).empty());
  }
}

TEST_CASE("a port that the proxy told is kept", "[http]") {
  CHECK(told({"192.0.2.7:51423"}) == "192.0.2.7:51423");
  CHECK(told({"[2001:db8::7]:51423, 10.0.0.1:80"}) == "[2001:db8::7]:51423");
  CHECK(told({"[2001:db8::7]"}) == "[2001:db8::7]");
  CHECK(told({"::ffff:192.0.2.7"}) == "192.0.2.7");
}

TEST_CASE("blanks and empty entries mean nothing", "[http]") {
  CHECK(told({"  192.0.2.7\t,, \t10.0.0.1 , "}) == "192.0.2.7");
}

TEST_CASE("no more than so many proxies are followed", "[http]") {
  std::string list = "192.0.2.7";
  for (std::size_t i = 0; i + 1 < kMaxForwardedHops; ++i) list += ", 10.0.0.1";
  CHECK(told({list}) == "192.0.2.7");
  CHECK(told({list + ", 10.0.0.2"}) == "10.0.0.1");
  CHECK(told({std::string(10'000, ',')}).empty());
}
