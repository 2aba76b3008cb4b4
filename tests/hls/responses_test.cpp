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
                             playlist_cache_rule(2, true));
  }
};

net::HttpResponse media(std::vector<std::pair<std::string, std::string>> headers = {}) {
  return media_response(request(std::move(headers)), MediaObject::kSegment, MediaKind::kVideo,
                        "s1-9", {Bytes::copy_of("abc"), Bytes::copy_of("defg")},
                        media_cache_rule(MediaObject::kSegment, 2));
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

TEST_CASE("lifetimes are those of the table", "[responses]") {
  CHECK(playlist_cache_rule(2, false).max_age.count() == 1);
  CHECK(playlist_cache_rule(6, false).max_age.count() == 3);
  CHECK(playlist_cache_rule(1, false).max_age.count() == 1);
  CHECK(playlist_cache_rule(2, true).max_age.count() == 12);
  CHECK(media_cache_rule(MediaObject::kPart, 2).max_age.count() == 12);
  CHECK(media_cache_rule(MediaObject::kSegment, 2).max_age.count() >= 12);
  CHECK(header_of(media(), "Cache-Control").find("immutable") != std::string::npos);
  CHECK(header_of(error_response(MediaObject::kPart, 404, "gone"), "Cache-Control") ==
        "public, max-age=1");
  const auto overload = error_response(MediaObject::kPlaylist, 503, "full");
  CHECK(header_of(overload, "Cache-Control") == "no-store");
  CHECK(header_of(overload, "Retry-After") == "1");
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

TEST_CASE("conditions come before ranges", "[responses]") {
  CHECK(media({{"if-none-match", "\"s1-9\""}, {"range", "bytes=0-1"}}).status == 304);
  CHECK(media({{"if-none-match", "*"}}).status == 304);
  CHECK(media({{"if-none-match", "\"s1-8\""}}).status == 200);
  CHECK(media({{"if-range", "\"s1-9\""}, {"range", "bytes=0-1"}}).status == 206);
  CHECK(media({{"if-range", "\"s1-8\""}, {"range", "bytes=0-1"}}).status == 200);
}

TEST_CASE("every answer may be read by a page of another host", "[responses]") {
  Fixture f;
  for (const auto& response : {f.playlist(), media(), media({{"range", "bytes=9-"}}),
                               error_response(MediaObject::kPlaylist, 400, "no number")})
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
