#include "net/proxy_protocol.h"

#include "net/http_loop.h"
#include "tests/net/proxy_header.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using millrace::net::kMaxProxyHeaderBytes;
using millrace::net::ProxyHeaderParser;
using millrace::net::to_text;
using millrace::test::proxied_from;
using millrace::test::proxy_header;

namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\n";

std::string describe(const ProxyHeaderParser& parser) {
  return parser.client() ? to_text(*parser.client()) : "none";
}

// The client, "none" where the header tells none, why it is refused, or "unfinished"; the same
// whether the bytes come at once or one by one, and nothing behind the header is used.
std::string outcome_of(const std::string& header) {
  const std::string bytes = header + std::string(kRequest);
  ProxyHeaderParser at_once;
  const auto progress = at_once.parse(bytes);
  const auto whole = progress.refusal       ? std::string(to_string(*progress.refusal))
                     : progress.is_complete ? describe(at_once)
                                            : "unfinished";
  if (progress.is_complete) CHECK(progress.used == header.size());

  ProxyHeaderParser one_by_one;
  std::string outcome = "unfinished";
  std::size_t used = 0;
  for (const char byte : bytes) {
    const auto next = one_by_one.parse({&byte, 1});
    used += next.used;
    if (next.refusal) outcome = to_string(*next.refusal);
    if (next.is_complete) outcome = describe(one_by_one);
    if (next.refusal || next.is_complete) break;
  }
  if (progress.is_complete) CHECK(used == header.size());
  CHECK(outcome == whole);
  return whole;
}

}  // namespace

TEST_CASE("a header of version 1 tells the client", "[http]") {
  CHECK(outcome_of("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n") == "192.0.2.7:56324");
  CHECK(outcome_of("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n") ==
        "255.255.255.255:65535");
  CHECK(outcome_of("PROXY TCP6 2001:db8::7 2001:DB8::1 56324 443\r\n") == "[2001:db8::7]:56324");
  CHECK(outcome_of("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 0\r\n")
            .starts_with("[ffff:ffff:"));
  CHECK(outcome_of("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 1 2\r\n") == "192.0.2.7:1");
}

TEST_CASE("an UNKNOWN connection of version 1 keeps the proxy's address", "[http]") {
  CHECK(outcome_of("PROXY UNKNOWN\r\n") == "none");
  CHECK(outcome_of("PROXY UNKNOWN ffff:: ::1 65535 1\r\n") == "none");
  CHECK(outcome_of("PROXY UNKNOWN what\t\x01 ever\r\n") == "none");
  // The longest there is, 107 bytes.
  CHECK(outcome_of("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n") == "none");
}

TEST_CASE("a line of version 1 is exactly as the specification has it", "[http]") {
  for (const std::string line : {"TCP4 192.0.2.7 198.51.100.1 56324",
                                 "TCP4 192.0.2.7 198.51.100.1 56324 443 ",
                                 "TCP4  192.0.2.7 198.51.100.1 56324 443",
                                 "TCP4 192.0.2.7 198.51.100.1 56324 443 1",
                                 " TCP4 192.0.2.7 198.51.100.1 56324 443",
                                 "tcp4 192.0.2.7 198.51.100.1 56324 443",
                                 "TCP 192.0.2.7 198.51.100.1 56324 443",
                                 "TCP5 192.0.2.7 198.51.100.1 56324 443",
                                 "TCP4 192.0.2.256 198.51.100.1 56324 443",
                                 "TCP4 192.0.2.07 198.51.100.1 56324 443",
                                 "TCP4 192.0.2.7 198.51.100 56324 443",
                                 "TCP4 192.0.2.7 198.51.100.1 65536 443",
                                 "TCP4 192.0.2.7 198.51.100.1 56324 99999",
                                 "TCP4 192.0.2.7 198.51.100.1 056324 443",
                                 "TCP4 192.0.2.7 198.51.100.1 -1 443",
                                 "TCP4 192.0.2.7 198.51.100.1 +1 443",
                                 "TCP4 192.0.2.7 198.51.100.1  443",
                                 "TCP4 2001:db8::7 2001:db8::1 56324 443",
                                 "TCP6 192.0.2.7 198.51.100.1 56324 443",
                                 "TCP6 2001:db8::7 198.51.100.1 56324 443",
                                 "TCP6 [2001:db8::7] 2001:db8::1 56324 443",
                                 "TCP6 1::2::3 2001:db8::1 56324 443",
                                 "TCP4 name 198.51.100.1 56324 443",
                                 "UNKNOWNX",
                                 "UNKNOW",
                                 "TCP4",
                                 ""}) {
    CAPTURE(line);
    CHECK(outcome_of("PROXY " + line + "\r\n") == "malformed");
  }
}

TEST_CASE("a line of version 1 ends with CRLF and nothing less", "[http]") {
  CHECK(outcome_of("PROXY UNKNOWN\n") == "malformed");
  CHECK(outcome_of("PROXY UNKNOWN\r") == "malformed");
  CHECK(outcome_of("PROXY UNKNOWN\r\r\n") == "malformed");
  CHECK(outcome_of("PROXY UNKNOWN a\nb\r\n") == "malformed");
  CHECK(outcome_of("PROXY UNKNOWN a\rb\r\n") == "malformed");
}

TEST_CASE("a line of version 1 that does not end is not waited for", "[http]") {
  CHECK(outcome_of("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n") == "too_long");
  CHECK(outcome_of("PROXY UNKNOWN " + std::string(93, 'x') + "\r\n") == "too_long");
  CHECK(outcome_of("PROXY TCP4 " + std::string(5000, ' ')) == "too_long");
}

TEST_CASE("a header of version 2 tells the client", "[http]") {
  CHECK(outcome_of(proxied_from("192.0.2.7", 56324)) == "192.0.2.7:56324");
  CHECK(outcome_of(proxied_from("2001:db8::7", 65535)) == "[2001:db8::7]:65535");
  CHECK(outcome_of(proxied_from("::ffff:192.0.2.7", 1)) == "192.0.2.7:1");
}

TEST_CASE("what is behind the addresses of version 2 is skipped", "[http]") {
  const std::string noop(
      "\x04\x00\x03"
      "abc",
      6);
  CHECK(outcome_of(proxied_from("192.0.2.7", 7, noop)) == "192.0.2.7:7");
  CHECK(outcome_of(proxied_from("2001:db8::7", 7, noop)) == "[2001:db8::7]:7");
  CHECK(outcome_of(proxied_from("192.0.2.7", 7, "\xff\xff no TLV")) == "192.0.2.7:7");
  CHECK(outcome_of(proxied_from("192.0.2.7", 7, std::string(kMaxProxyHeaderBytes - 28, 'x'))) ==
        "192.0.2.7:7");
}

TEST_CASE("a LOCAL connection of version 2 keeps the proxy's address", "[http]") {
  CHECK(outcome_of(proxy_header(0x20, 0x00, "")) == "none");
  CHECK(outcome_of(proxy_header(0x20, 0x11, std::string(12, '\x01'))) == "none");
  CHECK(outcome_of(proxy_header(0x20, 0xff, "any")) == "none");
}

TEST_CASE("a connection of version 2 that is no TCP over IP keeps the proxy's address", "[http]") {
  CHECK(outcome_of(proxy_header(0x21, 0x00, "")) == "none");
  CHECK(outcome_of(proxy_header(0x21, 0x00, "whatever")) == "none");
  CHECK(outcome_of(proxy_header(0x21, 0x12, std::string(12, '\x01'))) == "none");
  CHECK(outcome_of(proxy_header(0x21, 0x22, std::string(36, '\x01'))) == "none");
  CHECK(outcome_of(proxy_header(0x21, 0x31, std::string(216, '/'))) == "none");
  CHECK(outcome_of(proxy_header(0x21, 0x32, std::string(216, '/'))) == "none");
}

TEST_CASE("a header of version 2 with another version or unassigned codes is refused", "[http]") {
  const std::string addresses(36, '\x01');
  for (const int command : {0x00, 0x01, 0x10, 0x11, 0x22, 0x2f, 0x31, 0xff})
    CHECK(outcome_of(proxy_header(command, 0x11, addresses)) == "malformed");
  for (const int family : {0x03, 0x13, 0x2f, 0x41, 0xf1})
    CHECK(outcome_of(proxy_header(0x21, family, addresses)) == "malformed");
}

TEST_CASE("a header of version 2 with too few or too many bytes is refused", "[http]") {
  CHECK(outcome_of(proxy_header(0x21, 0x11, std::string(11, '\x01'))) == "malformed");
  CHECK(outcome_of(proxy_header(0x21, 0x21, std::string(35, '\x01'))) == "malformed");
  CHECK(outcome_of(proxied_from("192.0.2.7", 7, std::string(kMaxProxyHeaderBytes - 27, 'x'))) ==
        "too_long");
  CHECK(outcome_of(proxy_header(0x20, 0, std::string(65'535, 'x'))) == "too_long");
}

TEST_CASE("what begins otherwise is no header from its first byte on", "[http]") {
  for (const std::string text :
       {"GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "\x16\x03\x01", "proxy TCP4", "PROXYTCP4",
        "PROXY\r\n", "\r\n\r\nQUIT", "\r\n\r\n\x01\r\nQUIT\n", "\xff\xfe\xfd", " PROXY"}) {
    CAPTURE(text);
    CHECK(outcome_of(text) == "missing");
  }
  ProxyHeaderParser parser;
  CHECK(parser.parse("G").refusal);
}

TEST_CASE("an unfinished header is waited for", "[http]") {
  const std::string line = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
  const std::string binary = proxied_from("192.0.2.7", 1);
  for (const auto& header : {line, binary}) {
    for (std::size_t size = 1; size < header.size(); ++size) {
      ProxyHeaderParser parser;
      CHECK_FALSE(parser.has_begun());
      const auto progress = parser.parse(std::string_view(header).substr(0, size));
      CHECK(parser.has_begun());
      CHECK(progress.used == size);
      CHECK_FALSE(progress.is_complete);
      CHECK_FALSE(progress.refusal);
      CHECK_FALSE(parser.client());
    }
  }
}
