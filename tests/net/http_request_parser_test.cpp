#include "net/http_request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

using millrace::net::HttpMethod;
using millrace::net::HttpRequestLimits;
using millrace::net::HttpRequestParser;

namespace {

constexpr HttpRequestLimits kSmall{.max_header_bytes = 300, .max_body_bytes = 100};

/// Shows `bytes` as a connection does, `step` more at a time, and says what came of it: a line for
/// each request, the refusal, whether a request is left unfinished.
std::string outcome_of(std::string_view bytes, std::size_t step, HttpRequestLimits limits) {
  HttpRequestParser parser(limits);
  std::string text, pending;
  while (!bytes.empty()) {
    pending += bytes.substr(0, step);
    bytes.remove_prefix(std::min(step, bytes.size()));
    for (bool goes_on = true; goes_on && !pending.empty();) {
      const auto progress = parser.parse(pending);
      REQUIRE(progress.used <= pending.size());
      pending.erase(0, progress.used);
      if (progress.refusal != 0) return text + std::to_string(progress.refusal) + "\n";
      goes_on = progress.is_complete;
      if (!progress.is_complete) continue;
      const auto parsed = parser.take();
      text += parsed.request.path + "?" + parsed.request.query;
      for (const auto& [name, value] : parsed.request.headers) text += " " + name + "=" + value;
      text += "\n";
    }
  }
  return text + (pending.empty() && !parser.is_inside_request() ? "" : "unfinished\n");
}

/// The same however it is cut.
std::string outcome_of(std::string_view bytes, HttpRequestLimits limits = {}) {
  const auto at_once = outcome_of(bytes, bytes.size(), limits);
  for (const auto step : std::initializer_list<std::size_t>{1, 2, 3, 5, 16, 64}) {
    CAPTURE(bytes, step);
    CHECK(outcome_of(bytes, step, limits) == at_once);
  }
  return at_once;
}

std::string chunked(std::string_view body) {
  return "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

millrace::net::ParsedHttpRequest parsed(std::string_view bytes) {
  HttpRequestParser parser({});
  const auto progress = parser.parse(bytes);
  REQUIRE(progress.is_complete);
  return parser.take();
}

}  // namespace

TEST_CASE("a request's parts come out as they were sent, header names in lower case", "[http]") {
  const auto request =
      parsed("GET /a%20b/c?x=%31&y HTTP/1.1\r\nHOST: me\r\nX-Thing:  two  words \r\n\r\n").request;
  CHECK(request.method == HttpMethod::kGet);
  CHECK(request.path == "/a%20b/c");
  CHECK(request.query == "x=%31&y");
  CHECK(request.headers == std::vector<std::pair<std::string, std::string>>{
                               {"host", "me"}, {"x-thing", "two  words"}});
}

TEST_CASE("a method is what it is called, and case matters", "[http]") {
  const auto [name, method] = GENERATE(values<std::pair<std::string, HttpMethod>>({
      {"GET", HttpMethod::kGet},
      {"HEAD", HttpMethod::kHead},
      {"OPTIONS", HttpMethod::kOptions},
      {"POST", HttpMethod::kPost},
      {"PUT", HttpMethod::kPut},
      {"DELETE", HttpMethod::kDelete},
      {"PATCH", HttpMethod::kOther},
      {"get", HttpMethod::kOther},
  }));
  CHECK(parsed(name + " / HTTP/1.1\r\nHost: a\r\n\r\n").request.method == method);
}

TEST_CASE("a target may have an authority in front, or be * of OPTIONS alone", "[http]") {
  CHECK(outcome_of("GET http://a:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n") == "/x?y host=a\n");
  CHECK(outcome_of("GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n") == "/?y host=a\n");
  CHECK(outcome_of("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n") == "/? host=a\n");
  CHECK(outcome_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == "*? host=a\n");
  CHECK(outcome_of("GET * HTTP/1.1\r\nHost: a\r\n\r\n") == "400\n");
  CHECK(outcome_of("GET x HTTP/1.1\r\nHost: a\r\n\r\n") == "400\n");
}

TEST_CASE("no byte behind a request is used before the request is taken", "[http]") {
  const std::string first = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  const std::string second = "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
  HttpRequestParser parser({});
  const auto progress = parser.parse(first + second);
  REQUIRE(progress.is_complete);
  CHECK(progress.used == first.size());
  CHECK(parser.is_inside_request());
  CHECK(parser.take().request.path == "/1");
  CHECK_FALSE(parser.is_inside_request());
  REQUIRE(parser.parse(second).is_complete);
  // Nothing of the first is left in it.
  const auto request = parser.take().request;
  CHECK(request.path == "/2");
  CHECK(request.headers.size() == 1);
}

TEST_CASE("how requests are cut does not change them", "[http]") {
  CHECK(outcome_of("GET /1 HTTP/1.1\r\nHost: a\r\nA: folded\r\n  twice\r\n\r\n"
                   "\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab\r\n\r"
                   "GET /3?q HTTP/1.0\r\n\r\n" +
                   chunked("5;x=\"y\"\r\n\r\n0\r\n\r\n0a\r\n0123456789\r\n0\r\nT: 1\r\n\r\n") +
                   "GET /4 HTTP/1.1\r\nHost") ==
        "/1? host=a a=folded twice\n"
        "/2? host=a content-length=5\n"
        "/3?q\n"
        "/c? host=a transfer-encoding=chunked\n"
        "unfinished\n");
}

TEST_CASE("an empty chunked body is whole at its last byte, however it comes", "[http]") {
  CHECK(outcome_of(chunked("0\r\n\r\n")) == "/c? host=a transfer-encoding=chunked\n");
  CHECK(outcome_of(chunked("000;x\r\nT: 1\r\n\r\n")) == "/c? host=a transfer-encoding=chunked\n");
  CHECK(outcome_of(chunked("0\r\n\r")) == "unfinished\n");
}

TEST_CASE("a half request shown again without more of it stays half", "[http]") {
  const std::string bytes = chunked("2\r\nab\r\n0\r\n\r\n");
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    HttpRequestParser parser({});
    std::string pending = bytes.substr(0, size);
    for (int i = 0; i < 3 && !pending.empty(); ++i) {
      const auto progress = parser.parse(pending);
      CHECK(progress.refusal == 0);
      CHECK_FALSE(progress.is_complete);
      pending.erase(0, progress.used);
    }
  }
}

TEST_CASE("a header of the largest size is taken, one byte more is refused with 431", "[http]") {
  const auto request = [](std::size_t size) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return head + std::string(size - head.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(outcome_of(request(300), kSmall).starts_with("/? host=a"));
  CHECK(outcome_of(request(301), kSmall) == "431\n");
}

TEST_CASE("a header is too large however small the pieces are that it comes in", "[http]") {
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
  while (bytes.size() < 2 * kSmall.max_header_bytes) bytes += "X: y\r\n";
  CHECK(outcome_of(bytes + "\r\n", kSmall) == "431\n");

  // A line and a byte at a time: there Beast, left to itself, counts anew with every line.
  HttpRequestParser parser(kSmall);
  std::string pending;
  int refusal = 0;
  for (std::size_t at = 0; at < bytes.size() && refusal == 0;) {
    const auto size = std::min(bytes.find('\n', at) + 2, bytes.size()) - at;
    pending += bytes.substr(at, size);
    at += size;
    const auto progress = parser.parse(pending);
    pending.erase(0, progress.used);
    refusal = progress.refusal;
  }
  CHECK(refusal == 431);
}

TEST_CASE("more header fields than any client sends are refused with 431", "[http]") {
  const auto request = [](int fields) {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < fields; ++i) bytes += "X: y\r\n";
    return bytes + "\r\n";
  };
  CHECK(outcome_of(request(100)).starts_with("/? host=a"));
  CHECK(outcome_of(request(101)) == "431\n");
}

TEST_CASE("a body is dropped up to its limit and refused with 413 past it", "[http]") {
  const auto by_length = [](int size) {
    return fmt::format("POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", size,
                       std::string(static_cast<std::size_t>(size), 'x'));
  };
  CHECK(outcome_of(by_length(100), kSmall) == "/l? host=a content-length=100\n");
  CHECK(outcome_of(by_length(101), kSmall) == "413\n");

  const std::string fifty = "32\r\n" + std::string(50, 'x') + "\r\n";
  CHECK(outcome_of(chunked(fifty + fifty + "0\r\n\r\n"), kSmall) ==
        "/c? host=a transfer-encoding=chunked\n");
  CHECK(outcome_of(chunked(fifty + fifty + "1\r\nx\r\n0\r\n\r\n"), kSmall) == "413\n");
  CHECK(outcome_of(chunked("ffffffffffffffff\r\nx"), kSmall) == "413\n");
}

TEST_CASE("what frames a chunked body has a limit too, however it comes", "[http]") {
  const std::string long_text(kSmall.max_header_bytes, 'x');
  CHECK(outcome_of(chunked("1;" + long_text + "\r\nx\r\n0\r\n\r\n"), kSmall) == "431\n");
  CHECK(outcome_of(chunked("0\r\nT: " + long_text + "\r\n\r\n"), kSmall) == "431\n");
  std::string many_lines = "0\r\n";
  while (many_lines.size() < 2 * kSmall.max_header_bytes) many_lines += "T: y\r\n";
  CHECK(outcome_of(chunked(many_lines + "\r\n"), kSmall) == "431\n");
}

TEST_CASE("a request that cannot be framed or read for sure is refused", "[http]") {
  struct Case {
    std::string bytes;
    int status;
  };
  const auto [bytes, status] = GENERATE(values<Case>({
      {"\x16\x03\x01", 400},  // TLS: refused at its first byte, not when a header's end is awaited.
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
      {chunked("x\r\n"), 400},
      {chunked("\r\n"), 400},
      {chunked(" 1\r\na\r\n"), 400},
      {chunked("1\na\n"), 400},
      {chunked("1\r\nab\r\n"), 400},
      {chunked("1\r\na\n"), 400},
      {chunked("1;x\ny\r\na\r\n"), 400},
      {chunked("1;x\ry\r\na\r\n"), 400},
      {chunked("0\r\nT: 1\r2\r\n\r\n"), 400},
      {chunked("10000000000000000\r\n"), 413},
      {chunked("0\r\nT: 1\n\r\n"), 400},
  }));
  CHECK(outcome_of(bytes) == std::to_string(status) + "\n");
}

TEST_CASE("a trailer is passed over and does not become a header", "[http]") {
  CHECK(outcome_of(chunked("0\r\nHost: b\r\nX: y\r\n\r\n")) ==
        "/c? host=a transfer-encoding=chunked\n");
}

TEST_CASE("a connection is kept by the version's rule unless the client says otherwise", "[http]") {
  struct Case {
    std::string bytes;
    bool is_http_1_0;
    bool keeps_alive;
  };
  const auto [bytes, is_http_1_0, keeps_alive] = GENERATE(values<Case>({
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false, false},
      {"GET / HTTP/1.0\r\n\r\n", true, false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, true},
  }));
  const auto request = parsed(bytes);
  CHECK(request.is_http_1_0 == is_http_1_0);
  CHECK(request.keeps_alive == keeps_alive);
}

TEST_CASE("a client that holds its body back is told to go on, once, and only while it does",
          "[http]") {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
  HttpRequestParser waiting({});
  CHECK_FALSE(waiting.take_expectation());
  REQUIRE(waiting.parse(head).used == head.size());
  CHECK(waiting.take_expectation());
  CHECK_FALSE(waiting.take_expectation());
  REQUIRE(waiting.parse("ab").is_complete);
  waiting.take();
  CHECK_FALSE(waiting.take_expectation());

  HttpRequestParser complete({});
  REQUIRE(complete.parse(head + "ab").is_complete);
  CHECK_FALSE(complete.take_expectation());

  HttpRequestParser silent({});
  REQUIRE(silent.parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n").used > 0);
  CHECK_FALSE(silent.take_expectation());
}

TEST_CASE("empty lines ahead of a request are passed over and are none of it", "[http]") {
  HttpRequestParser parser({});
  const auto progress = parser.parse("\r\n\r\n\r");
  CHECK(progress.used == 4);
  CHECK_FALSE(parser.is_inside_request());
  CHECK(outcome_of("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == "/? host=a\n");
  CHECK(outcome_of("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n") == "400\n");
}
