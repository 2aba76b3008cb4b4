
#include "transcode/transcode.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using millrace::TrackInfo;
using millrace::transcode::plan_ladder;
using millrace::transcode::Rung;
using millrace::transcode::RungTemplate;

namespace {

const std::vector<RungTemplate> kLadder = {{"source", true, 0, 0},
                                           {"360p", false, 360, 700'000},
                                           {"720p", false, 720, 2'800'000},
                                           {"480p", false, 480, 1'200'000}};

TrackInfo source(int width, int height) {
  TrackInfo track;
  track.video.width = width;
  track.video.height = height;
  return track;
}

}  // namespace

TEST_CASE("a 1080p source gets every smaller rung, largest first, in even sizes", "[ladder]") {
  CHECK(plan_ladder(kLadder, source(1920, 1080)) ==
        std::vector<Rung>{{"720p", 1280, 720, 2'800'000},
                          {"480p", 854, 480, 1'200'000},
                          {"360p", 640, 360, 700'000}});
}

TEST_CASE("a portrait source is measured by its shorter side", "[ladder]") {
  CHECK(plan_ladder(kLadder, source(1080, 1920)) ==
        std::vector<Rung>{{"720p", 720, 1280, 2'800'000},
                          {"480p", 480, 854, 1'200'000},
                          {"360p", 360, 640, 700'000}});
}

TEST_CASE("no rung is larger than the source, and none equals one passed through", "[ladder]") {
  CHECK(plan_ladder(kLadder, source(1280, 720)).size() == 2);
  CHECK(plan_ladder(kLadder, source(640, 360)).empty());
  const std::vector<RungTemplate> encoded_only = {{"360p", false, 360, 700'000}};
  CHECK(plan_ladder(encoded_only, source(640, 360)).size() == 1);
  CHECK(plan_ladder(encoded_only, source(426, 240)).empty());
}

TEST_CASE("a source without a picture has no rungs", "[ladder]") {
  CHECK(plan_ladder(kLadder, source(0, 0)).empty());
  TrackInfo audio = source(1920, 1080);
  audio.kind = millrace::MediaKind::kAudio;
  CHECK(plan_ladder(kLadder, audio).empty());
}
