#include "app/cdn_check/live_playlist.h"

#include "tests/app/cdn_check/made_up_channel.h"

#include <catch2/catch.hpp>

using namespace millrace::app::cdn_check;
using millrace::test::playlist_text;

TEST_CASE("a low-latency playlist says where it ends and what comes next", "[cdn_check]") {
  const auto playlist = parse_live_playlist(playlist_text(20, 3));
  REQUIRE(playlist);
  CHECK(playlist->is_low_latency());
  CHECK(playlist->target.count() == 2);
  CHECK(playlist->part_target.count() == Approx(0.2));
  CHECK(playlist->part_hold_back.count() == Approx(0.6));
  CHECK(playlist->first == 14);
  CHECK(playlist->last_complete() == 19);
  CHECK(to_query(playlist->next()) == "_HLS_msn=20&_HLS_part=3");
  CHECK(playlist->hint_uri == "p20-3.m4s");
  CHECK(playlist->map_uri == "init.mp4");
  CHECK(playlist->segments.front().uri == "s14.m4s");
  CHECK(playlist->segments.back().part_uris.back() == "p20-2.m4s");
}

TEST_CASE("behind a whole segment the next one's first part comes", "[cdn_check]") {
  const auto playlist = parse_live_playlist(playlist_text(20, 0));
  REQUIRE(playlist);
  CHECK(to_query(playlist->next()) == "_HLS_msn=20&_HLS_part=0");
  CHECK(playlist->last_complete() == 19);
}

TEST_CASE("a playlist has reached what it lists", "[cdn_check]") {
  const auto playlist = parse_live_playlist(playlist_text(20, 3));
  REQUIRE(playlist);
  CHECK(playlist->reached({20, 2}));
  CHECK_FALSE(playlist->reached({20, 3}));
  CHECK_FALSE(playlist->reached({20, std::nullopt}));
  CHECK(playlist->reached({19, std::nullopt}));
  CHECK(playlist->reached({19, 500}));
  CHECK_FALSE(playlist->reached({21, 0}));
}

TEST_CASE("how far a playlist is ahead of another is counted in media", "[cdn_check]") {
  const auto older = parse_live_playlist(playlist_text(20, 3));
  const auto ahead = [&](std::uint64_t open, std::uint64_t parts) {
    return parse_live_playlist(playlist_text(open, parts))->ahead_of(*older).count();
  };
  CHECK(ahead(20, 3) == Approx(0).margin(1e-9));
  CHECK(ahead(20, 5) == Approx(0.4));
  CHECK(ahead(21, 0) == Approx(1.4));
  CHECK(ahead(22, 1) == Approx(3.6));
  CHECK(older->ahead_of(*parse_live_playlist(playlist_text(22, 1))).count() == 0);
}

TEST_CASE("a delta update counts the segments that it skips", "[cdn_check]") {
  const auto playlist = parse_live_playlist(playlist_text(20, 3, true));
  REQUIRE(playlist);
  CHECK(playlist->is_delta);
  CHECK(playlist->first == 14);
  CHECK(playlist->last_complete() == 19);
  CHECK(to_query(playlist->next()) == "_HLS_msn=20&_HLS_part=3");
}

TEST_CASE("a delta update has something to skip in a long playlist alone", "[cdn_check]") {
  // Five segments are behind the first, 10 s, and what the open one has.
  const auto can_skip = [](std::uint64_t parts, double until) {
    return parse_live_playlist(playlist_text(20, parts, false, until))->can_skip();
  };
  CHECK(can_skip(3, 10));
  CHECK_FALSE(can_skip(0, 10));
  CHECK_FALSE(can_skip(9, 12));
  CHECK_FALSE(can_skip(3, 0));
}

TEST_CASE("a multivariant playlist names its variants", "[cdn_check]") {
  const auto playlist = parse_live_playlist(
      "#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a,b\"\r\nsource/index.m3u8\r\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=1\r\n360p/index.m3u8\r\n");
  REQUIRE(playlist);
  CHECK(playlist->variants == std::vector<std::string>{"source/index.m3u8", "360p/index.m3u8"});
  CHECK_FALSE(playlist->is_low_latency());
}

TEST_CASE("attributes are found behind quoted commas, and broken ones are none", "[cdn_check]") {
  const auto part = [](const std::string& list) {
    return parse_live_playlist("#EXTM3U\n#EXT-X-PART:" + list + "\n")->segments.front();
  };
  CHECK(part("URI=\"a,DURATION=9,b\",DURATION=0.5").parts.front().count() == Approx(0.5));
  CHECK(part("DURATION=1e300").parts.front().count() == 0);
  CHECK(part("DURATION=-1").parts.front().count() == 0);
  CHECK(part("URI=\"a").part_uris.front() == "a");
  CHECK(part("").part_uris.front().empty());
}

TEST_CASE("what is no playlist is none", "[cdn_check]") {
  CHECK_FALSE(parse_live_playlist(""));
  CHECK_FALSE(parse_live_playlist("<html>"));
  CHECK_FALSE(parse_live_playlist("#EXTM3U\n")->is_low_latency());
  CHECK_FALSE(parse_live_playlist(playlist_text(20, 3) + "#EXT-X-ENDLIST\n")->is_low_latency());
}
