#include "hls/responses.h"

#include <catch2/catch.hpp>

#include "base/metrics.h"
#include "tests/support/fake_exchange.h"

using namespace millrace;
using namespace millrace::hls;
using millrace::test::body_of;
using millrace::test::header_of;
using net::HttpRequest;

namespace {

HttpRequest request(std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpRequest asked;
  asked.headers = std::move(headers);
  return asked;
}

struct Fixture {
  Metrics metrics;
  Counter compressions = metrics.counter("compressions_total", "Of the test.");
  PlaylistText text{std::string(500, '#'), "s-7", compressions};

  net::HttpResponse playlist(std::vector<std::pair<std::string, std::string>> headers = {}) {
    return playlist_response(request(std::move(headers)), text, MediaObject::kPlaylist,
                             cache_rule({}, CacheClass::kBlocking, 2));
  }
};

net::HttpResponse media(std::vector<std::pair<std::string, std::string>> headers = {},
                        net::HttpMethod method = net::HttpMethod::kGet) {
  HttpRequest asked = request(std::move(headers));
  asked.method = method;
  return media_response(asked, MediaObject::kSegment, MediaKind::kVideo, "s1-9",
                        {Bytes::copy_of("abc"), Bytes::copy_of("defg")},
                        cache_rule({}, CacheClass::kSegment, 2));
}

}  // namespace

TEST_CASE("a playlist is compressed for who accepts it, once", "[responses]") {
  Fixture f;
  CHECK(header_of(f.playlist(), "Content-Encoding").empty());
  CHECK(f.compressions.value() == 0);
  for (int i = 0; i < 3; ++i) {
    const auto zipped = f.playlist({{"accept-encoding", "gzip"}});
    CHECK(header_of(zipped, "Content-Encoding") == "gzip");
    CHECK(body_of(zipped).size() < 100);
  }
  CHECK(f.compressions.value() == 1);
  CHECK(header_of(f.playlist(), "Vary") == "Accept-Encoding");
}

TEST_CASE("each form of a playlist has its own entity tag, and is not sent to who has it",
          "[responses]") {
  Fixture f;
  const auto plain = header_of(f.playlist(), "ETag");
  const auto zipped = header_of(f.playlist({{"accept-encoding", "gzip"}}), "ETag");
  CHECK(plain == "\"s-7\"");
  CHECK(plain != zipped);
  const auto unchanged = f.playlist({{"if-none-match", "\"x\", W/" + plain}});
  CHECK(unchanged.status == 304);
  CHECK(unchanged.body.empty());
  CHECK(f.playlist({{"if-none-match", zipped}}).status == 200);
}

TEST_CASE("caches are told for how long they may keep what", "[responses]") {
  Fixture f;
  CHECK(header_of(f.playlist(), "Cache-Control") == "public, max-age=12");
  CHECK(header_of(media(), "Cache-Control") == "public, max-age=3600, immutable");
  CHECK(header_of(playlist_response({}, f.text, MediaObject::kPlaylist, {}), "Cache-Control") ==
        "no-cache");
  for (const int status : {400, 404})
    CHECK(header_of(error_response(MediaObject::kPart, status, "gone", std::chrono::seconds(7)),
                    "Cache-Control") == "public, max-age=7");
}

TEST_CASE("no cache keeps an overload, or that somebody's token is wrong", "[responses]") {
  for (const int status : {403, 503}) {
    const auto refusal =
        error_response(MediaObject::kPlaylist, status, "why", std::chrono::seconds(7));
    CHECK(header_of(refusal, "Cache-Control") == "no-store");
    CHECK(header_of(refusal, "Retry-After") == (status == 503 ? "1" : ""));
    CHECK(body_of(refusal) == "why\n");
  }
  const auto redirect = redirect_response(MediaObject::kPlaylist, "../a");
  CHECK(redirect.status == 302);
  CHECK(header_of(redirect, "Location") == "../a");
  CHECK(header_of(redirect, "Cache-Control") == "no-store");
}

TEST_CASE("media is sent as it is, whole or in a range", "[responses]") {
  const auto whole = media({{"accept-encoding", "gzip"}});
  CHECK(whole.status == 200);
  CHECK(body_of(whole) == "abcdefg");
  CHECK(header_of(whole, "Content-Encoding").empty());
  CHECK(header_of(whole, "Content-Type") == "video/mp4");
  CHECK(header_of(whole, "Accept-Ranges") == "bytes");

  const auto part = media({{"range", "bytes=2-4"}});
  CHECK(part.status == 206);
  CHECK(body_of(part) == "cde");
  CHECK(header_of(part, "Content-Range") == "bytes 2-4/7");

  const auto beyond = media({{"range", "bytes=7-"}});
  CHECK(beyond.status == 416);
  CHECK(beyond.body.empty());
  CHECK(header_of(beyond, "Content-Range") == "bytes */7");
}

TEST_CASE("only GET has ranges", "[responses]") {
  for (const char* const range : {"bytes=2-4", "bytes=7-"}) {
    const auto head = media({{"range", range}}, net::HttpMethod::kHead);
    CHECK(head.status == 200);
    CHECK(header_of(head, "Content-Range").empty());
    CHECK(header_of(head, "Accept-Ranges") == "bytes");
    CHECK(body_of(head) == "abcdefg");  // Its length is told, and the server sends none of it.
  }
}

TEST_CASE("conditions come before ranges", "[responses]") {
  CHECK(media({{"if-none-match", "\"s1-9\""}, {"range", "bytes=0-1"}}).status == 304);
  CHECK(media({{"if-none-match", "*"}}).status == 304);
  CHECK(media({{"if-none-match", "\"s1-8\""}}).status == 200);
  CHECK(media({{"if-range", "\"s1-9\""}, {"range", "bytes=0-1"}}).status == 206);
  CHECK(media({{"if-range", "\"s1-8\""}, {"range", "bytes=0-1"}}).status == 200);
}

TEST_CASE("every answer may be read by a page of another host", "[responses]") {
  Fixture f;
  for (const auto& response :
       {f.playlist(), media(), media({{"range", "bytes=9-"}}),
        error_response(MediaObject::kPlaylist, 400, "no number", std::chrono::seconds(1)),
        error_response(MediaObject::kPart, 403, "no", std::chrono::seconds(1)),
        redirect_response(MediaObject::kPlaylist, "../a")})
    CHECK(header_of(response, "Access-Control-Allow-Origin") == "*");
}

TEST_CASE("a preflight is answered, other methods are refused", "[responses]") {
  HttpRequest asked;
  CHECK_FALSE(method_response(asked).has_value());
  asked.method = net::HttpMethod::kHead;
  CHECK_FALSE(method_response(asked).has_value());
  asked.method = net::HttpMethod::kOptions;
  const auto preflight = method_response(asked);
  REQUIRE(preflight.has_value());
  CHECK(preflight->status == 204);
  CHECK(header_of(*preflight, "Access-Control-Allow-Headers").find("Range") != std::string::npos);
  for (const auto method : {net::HttpMethod::kPost, net::HttpMethod::kPut, net::HttpMethod::kDelete,
                            net::HttpMethod::kOther}) {
    asked.method = method;
    const auto refused = method_response(asked);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 405);
    CHECK(header_of(*refused, "Allow") == "GET, HEAD, OPTIONS");
  }
}
