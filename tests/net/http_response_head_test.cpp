#include "net/http_response_head.h"

#include <catch2/catch.hpp>

using millrace::Bytes;
using millrace::net::format_http_head;
using millrace::net::http_date;
using millrace::net::HttpPersistence;
using millrace::net::HttpResponse;

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kDate = "Tue, 15 Nov 1994 08:12:31 GMT";

}  // namespace

TEST_CASE("a head is status, date, the handler's headers and the length of all pieces", "[http]") {
  const HttpResponse response{.status = 200,
                              .kind = "part",
                              .headers = {{"Content-Type", "video/mp4"}, {"ETag", "\"1\""}},
                              .body = {Bytes::copy_of("abc"), Bytes(), Bytes::copy_of("de")}};
  CHECK(format_http_head(response, HttpPersistence::kKeep, kDate) ==
        "HTTP/1.1 200 OK\r\n"
        "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
        "Content-Type: video/mp4\r\n"
        "ETag: \"1\"\r\n"
        "Content-Length: 5\r\n"
        "\r\n");
}

TEST_CASE("a head says what becomes of the connection where the version does not", "[http]") {
  const HttpResponse response{.status = 404, .headers = {}, .body = {}};
  const std::string begin =
      "HTTP/1.1 404 Not Found\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Length: 0\r\n";
  CHECK(format_http_head(response, HttpPersistence::kKeep, kDate) == begin + "\r\n");
  CHECK(format_http_head(response, HttpPersistence::kKeepAsked, kDate) ==
        begin + "Connection: keep-alive\r\n\r\n");
  CHECK(format_http_head(response, HttpPersistence::kCloseAfterwards, kDate) ==
        begin + "Connection: close\r\n\r\n");
}

TEST_CASE("a handler cannot frame, date or keep an answer, however it spells it", "[http]") {
  const HttpResponse response{.status = 200,
                              .headers = {{"content-length", "7"},
                                          {"CONTENT-LENGTH", "8"},
                                          {"Transfer-Encoding", "chunked"},
                                          {"connection", "upgrade"},
                                          {"dAtE", "yesterday"},
                                          {"Content-Lengths", "kept"}},
                              .body = {Bytes::copy_of("abc")}};
  CHECK(format_http_head(response, HttpPersistence::kKeep, kDate) ==
        "HTTP/1.1 200 OK\r\n"
        "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
        "Content-Lengths: kept\r\n"
        "Content-Length: 3\r\n"
        "\r\n");
}

TEST_CASE("a line break that a handler echoes makes no header of its own", "[http]") {
  const HttpResponse response{
      .status = 302,
      .headers = {{"Location", std::string("/a\r\nSet-Cookie: b\0c", 19)}, {"X\r\nY", "z"}},
      .body = {}};
  CHECK(format_http_head(response, HttpPersistence::kKeep, kDate) ==
        "HTTP/1.1 302 Found\r\n"
        "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
        "Location: /a  Set-Cookie: b c\r\n"
        "X  Y: z\r\n"
        "Content-Length: 0\r\n"
        "\r\n");
}

TEST_CASE("a status without a body by definition has no length", "[http]") {
  for (const int status : {100, 101, 199, 204, 304}) {
    CAPTURE(status);
    CHECK(millrace::net::is_bodiless(status));
    const HttpResponse response{
        .status = status, .headers = {}, .body = {Bytes::copy_of("left out")}};
    CHECK(format_http_head(response, HttpPersistence::kKeep, kDate).find("Content-Length") ==
          std::string::npos);
  }
  for (const int status : {200, 206, 302, 400, 404, 500}) {
    CAPTURE(status);
    CHECK_FALSE(millrace::net::is_bodiless(status));
  }
}

TEST_CASE("a status that has no phrase here is sent with an empty one", "[http]") {
  const HttpResponse response{.status = 299, .headers = {}, .body = {}};
  CHECK(format_http_head(response, HttpPersistence::kKeep, kDate)
            .starts_with("HTTP/1.1 299 \r\nDate: "));
}

TEST_CASE("a date is the IMF-fixdate of its second", "[http]") {
  CHECK(http_date(784'887'151s) == "Tue, 15 Nov 1994 08:12:31 GMT");  // RFC 9110's own example.
  CHECK(http_date(0s) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(http_date(951'782'400s) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(http_date(4'102'444'799s) == "Thu, 31 Dec 2099 23:59:59 GMT");
}
