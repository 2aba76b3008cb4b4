#include "net/http2_request.h"

#include <catch2/catch.hpp>

using millrace::net::Http2RequestReader;
using millrace::net::HttpMethod;

namespace {

void add_pseudo(Http2RequestReader& reader, const char* method, const char* path) {
  reader.add(":method", method);
  reader.add(":scheme", "https");
  reader.add(":authority", "example.org");
  reader.add(":path", path);
}

}  // namespace

TEST_CASE("fields of HTTP/2 become a request as HTTP/1 has it", "[http2]") {
  Http2RequestReader reader(16'384);
  add_pseudo(reader, "HEAD", "/live/a?x=1");
  reader.add("accept", "*/*");
  REQUIRE(reader.finish() == 0);
  const auto request = reader.take();
  CHECK(request.method == HttpMethod::kHead);
  CHECK(request.path == "/live/a");
  CHECK(request.query == "x=1");
  CHECK(request.headers.size() == 2);
  CHECK(request.header("host") == "example.org");
  CHECK(request.header("accept") == "*/*");
}

TEST_CASE("a host of its own stays, and cookies are one field", "[http2]") {
  Http2RequestReader reader(16'384);
  add_pseudo(reader, "GET", "/");
  for (const char* const cookie : {"a=1", "b=2", "c=3"}) reader.add("cookie", cookie);
  reader.add("host", "other.example");
  REQUIRE(reader.finish() == 0);
  const auto request = reader.take();
  CHECK(request.header("host") == "other.example");
  CHECK(request.header("cookie") == "a=1; b=2; c=3");
  CHECK(request.headers.size() == 2);
}

TEST_CASE("a method of no use to us is another, and CONNECT has no target", "[http2]") {
  Http2RequestReader patch(16'384);
  add_pseudo(patch, "PATCH", "/");
  CHECK(patch.finish() == 0);
  CHECK(patch.request().method == HttpMethod::kOther);
  Http2RequestReader connect(16'384);
  connect.add(":method", "CONNECT");
  connect.add(":authority", "example.org:443");
  CHECK(connect.finish() == 400);
}

TEST_CASE("a header past a limit is dropped and counted on", "[http2]") {
  Http2RequestReader reader(300);
  add_pseudo(reader, "GET", "/");  // 177 by RFC 9113 6.5.2.
  SECTION("in bytes") {
    reader.add("x", std::string(200, 'x'));
    CHECK(reader.bytes() > 300);
    CHECK(reader.request().headers.empty());
  }
  SECTION("by what each field costs") {
    for (int i = 0; i < 10; ++i) reader.add("x", "");
    CHECK(reader.request().headers.size() == 3);
  }
  CHECK(reader.finish() == 431);
}

TEST_CASE("there are as many fields as with HTTP/1", "[http2]") {
  for (const int count : {100, 101}) {
    Http2RequestReader reader(100'000);
    add_pseudo(reader, "GET", "/");
    for (int i = 0; i < count; ++i) reader.add("x", "");
    CHECK(reader.finish() == (count == 100 ? 0 : 431));
  }
}
