#include "hls/playback/playback_path.h"

#include <catch2/catch.hpp>

#include "hls/playback/playback_options.h"

using namespace millrace::hls;

namespace {

std::string location(std::string_view path, std::string_view query) {
  return path_form_of(parse_playback_path(path, query), query);
}

}  // namespace

TEST_CASE("a token stands in front of the path or in the query", "[playback]") {
  const auto in_path = parse_playback_path("/s/T.1/live/shop/source/p1-2.m4s", "token=other");
  CHECK(in_path.token == "T.1");
  CHECK(in_path.path == "/live/shop/source/p1-2.m4s");
  CHECK_FALSE(in_path.is_in_query);

  const auto in_query = parse_playback_path("/live/shop/index.m3u8", "_HLS_msn=7&token=T.1&x");
  CHECK(in_query.token == "T.1");
  CHECK(in_query.path == "/live/shop/index.m3u8");
  CHECK(in_query.is_in_query);

  const auto none = parse_playback_path("/live/shop/index.m3u8", "xtoken=1&toke=2&token");
  CHECK(none.token.empty());
  CHECK(none.path == "/live/shop/index.m3u8");
}

TEST_CASE("a path with nothing behind its token asks for nothing", "[playback]") {
  CHECK(parse_playback_path("/s/", "").path.empty());
  CHECK(parse_playback_path("/s/T", "").path.empty());
  CHECK(parse_playback_path("/s/T/", "").path == "/");
  CHECK(parse_playback_path("/s//live/shop/index.m3u8", "").token.empty());
}

TEST_CASE("from the query into the path it goes by a relative reference", "[playback]") {
  CHECK(location("/live/shop/index.m3u8", "token=T") == "../../s/T/live/shop/index.m3u8");
  CHECK(location("/live/shop/720p/index.m3u8", "_HLS_msn=7&token=T&_HLS_part=1&token=U") ==
        "../../../s/T/live/shop/720p/index.m3u8?_HLS_msn=7&_HLS_part=1");
}

TEST_CASE("a signed URL is found by what takes it apart", "[playback]") {
  CHECK(playback_path("shop", "T", false) == "/s/T/live/shop/index.m3u8");
  CHECK(playback_path("shop", "T", true) == "/live/shop/index.m3u8?token=T");
  for (const auto* path : {"/live/shop/index.m3u8", "/s/T/live/shop/index.m3u8", "/s/", "/live/"})
    CHECK(is_origin_path(path));
  for (const auto* path : {"/", "/s", "/live", "/healthz", "/api/v1/channels", "/style.css"})
    CHECK_FALSE(is_origin_path(path));
}
