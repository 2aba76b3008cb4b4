#include "hls/media_path.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::hls;

TEST_CASE("each object has its path", "[path]") {
  const auto multivariant = parse_media_path("/live/shop/index.m3u8");
  REQUIRE(multivariant.has_value());
  CHECK(multivariant->object == MediaObject::kMultivariant);
  CHECK(multivariant->channel == "shop");

  const auto playlist = parse_media_path("/live/shop/720p/index.m3u8");
  REQUIRE(playlist.has_value());
  CHECK(playlist->object == MediaObject::kPlaylist);
  CHECK(playlist->rendition == "720p");

  const auto part = parse_media_path("/live/shop/720p/p1a2-47.m4s");
  REQUIRE(part.has_value());
  CHECK(part->object == MediaObject::kPart);
  CHECK(part->start_id == "1a2");
  CHECK(part->number == 47);

  const auto segment = parse_media_path("/live/shop/audio/s1a2-183001878.m4s");
  REQUIRE(segment.has_value());
  CHECK(segment->object == MediaObject::kSegment);
  CHECK(segment->number == 183001878);

  const auto init = parse_media_path("/live/shop/audio/init-1a2-0.mp4");
  REQUIRE(init.has_value());
  CHECK(init->object == MediaObject::kInit);
  CHECK(init->number == 0);
}

TEST_CASE("MPEG-TS has paths of its own", "[path]") {
  const auto multivariant = parse_media_path("/live/shop/ts.m3u8");
  REQUIRE(multivariant.has_value());
  CHECK(multivariant->object == MediaObject::kTsMultivariant);
  const auto playlist = parse_media_path("/live/shop/720p/ts.m3u8");
  REQUIRE(playlist.has_value());
  CHECK(playlist->object == MediaObject::kTsPlaylist);
  CHECK(playlist->rendition == "720p");
  const auto segment = parse_media_path("/live/shop/720p/s1a2-183001878.ts");
  REQUIRE(segment.has_value());
  CHECK(segment->object == MediaObject::kTsSegment);
  CHECK(segment->start_id == "1a2");
  CHECK(segment->number == 183001878);
}

TEST_CASE("what is over has paths of its own", "[path]") {
  const auto multivariant = parse_media_path("/live/shop/vod.m3u8");
  REQUIRE(multivariant.has_value());
  CHECK(multivariant->object == MediaObject::kVod);
  CHECK(is_playlist(multivariant->object));

  const auto newest = parse_media_path("/live/shop/720p/vod.m3u8");
  REQUIRE(newest.has_value());
  CHECK(newest->object == MediaObject::kVodPlaylist);
  CHECK(newest->start_id.empty());

  const auto show = parse_media_path("/live/shop/720p/vod-1a2-183001878.m3u8");
  REQUIRE(show.has_value());
  CHECK(show->object == MediaObject::kVodPlaylist);
  CHECK(show->rendition == "720p");
  CHECK(show->start_id == "1a2");
  CHECK(show->number == 183001878);
}

TEST_CASE("an object has one URL and no other", "[path]") {
  for (const char* const path : {"/live/",
                                 "/live/shop",
                                 "/live/shop/",
                                 "/live//index.m3u8",
                                 "/live/shop/index.m3u8/",
                                 "/live/shop/720p/",
                                 "/live/shop//index.m3u8",
                                 "/live/shop/720p/x/index.m3u8",
                                 "/live/shop/720p/p1a2-.m4s",
                                 "/live/shop/720p/p1a2-+7.m4s",
                                 "/live/shop/720p/p1a2-07.m4s",
                                 "/live/shop/720p/p1a2-7x.m4s",
                                 "/live/shop/720p/p-7.m4s",
                                 "/live/shop/720p/q1a2-7.m4s",
                                 "/live/shop/720p/p1a2-7.mp4",
                                 "/live/shop/720p/p1a2-7.ts",
                                 "/live/shop/720p/s1a2-07.ts",
                                 "/live/shop/720p/s-7.ts",
                                 "/live/ts.m3u8",
                                 "/live/shop/ts.m3u8/",
                                 "/live/shop/720p/init-1a2-7.m4s",
                                 "/live/shop/720p/vod-1a2-07.m3u8",
                                 "/live/shop/720p/vod-7.m3u8",
                                 "/live/shop/720p/vod-1a2-7.m4s",
                                 "/live/shop/vod-1a2-7.m3u8",
                                 "/live/vod.m3u8",
                                 "/live/shop/720p/p1a2-99999999999999999999999.m4s",
                                 "/dead/shop/index.m3u8",
                                 ""}) {
    CAPTURE(path);
    CHECK_FALSE(parse_media_path(path).has_value());
  }
}

TEST_CASE("directives are found among other parameters, in any order", "[directives]") {
  const auto parsed =
      parse_delivery_directives("token=a%26b&_HLS_part=3&_HLS_skip=YES&&_HLS_msn=17&_HLS_x=1");
  REQUIRE(parsed.has_value());
  CHECK(parsed.value().media_sequence_number == 17u);
  CHECK(parsed.value().part == 3u);
  CHECK(parsed.value().skip);
}

TEST_CASE("without directives nothing is asked", "[directives]") {
  for (const char* const query : {"", "a=b", "_HLS_msnx=abc", "x_HLS_msn=abc"}) {
    CAPTURE(query);
    const auto parsed = parse_delivery_directives(query);
    REQUIRE(parsed.has_value());
    CHECK_FALSE(parsed.value().media_sequence_number.has_value());
    CHECK_FALSE(parsed.value().skip);
  }
}

TEST_CASE("dvr is asked for by its name, with or without a value that is not no", "[directives]") {
  for (const char* const query : {"dvr", "dvr=1", "dvr=yes", "dvr=2h", "_HLS_msn=7&dvr",
                                  "dvr&_HLS_skip=YES", "dvr=", "dvr=0&dvr=1"})
    CHECK(parse_delivery_directives(query).value().dvr);
  for (const char* const query : {"", "dvrx", "xdvr=1", "a=dvr", "dvr=0", "dvr=no", "dvr=false",
                                  "dvr=off", "_HLS_msn=7&dvr=0"})
    CHECK_FALSE(parse_delivery_directives(query).value().dvr);
}

TEST_CASE("a number that is none, or a part without its segment, is an error", "[directives]") {
  for (const char* const query :
       {"_HLS_msn=abc", "_HLS_msn=-1", "_HLS_msn=", "_HLS_msn", "_HLS_msn=1.5", "_HLS_msn=+1",
        "_HLS_msn=99999999999999999999999", "_HLS_msn=1&_HLS_part=x", "_HLS_part=0"}) {
    CAPTURE(query);
    CHECK_FALSE(parse_delivery_directives(query).has_value());
  }
}

TEST_CASE("v2 is answered like YES, anything else like nothing", "[directives]") {
  CHECK(parse_delivery_directives("_HLS_skip=v2").value().skip);
  CHECK_FALSE(parse_delivery_directives("_HLS_skip=NO").value().skip);
}
