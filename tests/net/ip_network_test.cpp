#include "net/ip_network.h"

#include <catch2/catch.hpp>

using millrace::net::IpNetwork;
using millrace::net::IpNetworks;
using millrace::net::parse_ip_address;

namespace {

bool contains(const std::string& network, const std::string& address) {
  const auto parsed = IpNetwork::parse(network);
  REQUIRE(parsed.has_value());
  const auto other = parse_ip_address(address);
  REQUIRE(other);
  return parsed.value().contains(*other);
}

std::string mistake_of(const std::string& text) {
  const auto parsed = IpNetwork::parse(text);
  return parsed.has_value() ? "accepted" : text + " " + parsed.error().message;
}

}  // namespace

TEST_CASE("an address is told apart from everything that is none", "[http]") {
  CHECK(parse_ip_address("192.0.2.7")->to_string() == "192.0.2.7");
  CHECK(parse_ip_address("2001:DB8::0:1")->to_string() == "2001:db8::1");
  CHECK(parse_ip_address("::ffff:192.0.2.7")->to_string() == "192.0.2.7");
  CHECK(parse_ip_address("::")->is_v6());
  for (const auto* text :
       {"", ".", "192.0.2", "192.0.2.256", "192.0.2.07", "192.0.2.7 ", " 192.0.2.7", "192.0.2.7:1",
        "0x7f000001", "2130706433", "localhost", "[::1]", "::1%lo", "1::2::3", ":",
        "12345::", "unknown", "_hidden", "1111:2222:3333:4444:5555:6666:7777:8888:9999"})
    CHECK_FALSE(parse_ip_address(text));
  CHECK_FALSE(parse_ip_address(std::string_view("192.0.2.7\0", 10)));
  CHECK_FALSE(parse_ip_address(std::string(1000, '1')));
}

TEST_CASE("a network has the addresses that begin as it does", "[http]") {
  CHECK(contains("192.0.2.7", "192.0.2.7"));
  CHECK_FALSE(contains("192.0.2.7", "192.0.2.6"));
  CHECK(contains("192.0.2.0/24", "192.0.2.255"));
  CHECK_FALSE(contains("192.0.2.0/24", "192.0.3.0"));
  CHECK(contains("10.32.0.0/11", "10.63.255.255"));
  CHECK_FALSE(contains("10.32.0.0/11", "10.64.0.0"));
  CHECK(contains("0.0.0.0/0", "203.0.113.9"));
  CHECK(contains("192.0.2.7/32", "192.0.2.7"));
  CHECK(contains("2001:db8::/32", "2001:db8:ffff::1"));
  CHECK_FALSE(contains("2001:db8::/32", "2001:db9::"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("::1", "::1"));
  CHECK(contains("::/0", "2001:db8::1"));
}

TEST_CASE("a network of one family has no address of the other", "[http]") {
  CHECK_FALSE(contains("::/0", "192.0.2.7"));
  CHECK_FALSE(contains("0.0.0.0/0", "::1"));
  CHECK(contains("192.0.2.0/24", "::ffff:192.0.2.9"));
}

TEST_CASE("what is no network is told and quoted", "[http]") {
  const std::string neither = " is neither an address nor a network of IPv4 or IPv6";
  for (const std::string text : {"", "proxy.example", "192.0.2", "192.0.2/24", "[::1]", "/24"})
    CHECK(mistake_of(text) == text + neither);
  for (const std::string text : {"192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/2 4",
                                 "192.0.2.0/24/8", "192.0.2.0/255.255.255.0"})
    CHECK(mistake_of(text) == text + " has no prefix length of 0 to 32 behind its /");
  CHECK(mistake_of("2001:db8::/129") ==
        "2001:db8::/129 has no prefix length of 0 to 128 behind its /");
  CHECK(mistake_of("192.0.2.7/24") ==
        "192.0.2.7/24 has more than its first 24 bits: write 192.0.2.0/24");
  CHECK(mistake_of("10.63.0.0/11") ==
        "10.63.0.0/11 has more than its first 11 bits: write 10.32.0.0/11");
  CHECK(mistake_of("2001:db8::1/64") ==
        "2001:db8::1/64 has more than its first 64 bits: write 2001:db8::/64");
  CHECK(mistake_of("::ffff:192.0.2.0/120") ==
        "::ffff:192.0.2.0/120 is an IPv4 address in IPv6: write it as an IPv4 one");
}

TEST_CASE("networks have what one of them has", "[http]") {
  CHECK_FALSE(IpNetworks().contain(*parse_ip_address("192.0.2.7")));
  const auto networks = IpNetworks::parse({"192.0.2.0/24", "2001:db8::7"});
  REQUIRE(networks.has_value());
  CHECK(networks.value().contain(*parse_ip_address("192.0.2.7")));
  CHECK(networks.value().contain(*parse_ip_address("2001:db8::7")));
  CHECK_FALSE(networks.value().contain(*parse_ip_address("2001:db8::8")));
  const auto wrong = IpNetworks::parse({"192.0.2.0/24", "nobody"});
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().message.starts_with("nobody is neither"));
}
