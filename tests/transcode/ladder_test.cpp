
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

TEST_CASE("no rung is larger than the source, and none nearly equals one passed through",
          "[ladder]") {
  CHECK(plan_ladder(kLadder, source(1280, 720)).size() == 2);
  CHECK(plan_ladder(kLadder, source(1366, 768)).size() == 2);
  CHECK(plan_ladder(kLadder, source(1422, 800)).size() == 3);
  CHECK(plan_ladder(kLadder, source(640, 360)).empty());
  const std::vector<RungTemplate> encoded_only = {{"360p", false, 360, 700'000}};
  CHECK(plan_ladder(encoded_only, source(640, 360)).size() == 1);
  CHECK(plan_ladder(encoded_only, source(426, 240)).empty());
}

TEST_CASE("a rung that may have fewer pictures has every n-th of the source", "[ladder]") {
  const std::vector<RungTemplate> ladder = {{"source", true, 0, 0},
                                            {.name = "360p",
                                             .height = 360,
                                             .bits_per_second = 700'000,
                                             .codec = millrace::Codec::kHevc,
                                             .max_frame_rate = 30}};
  const auto every = [&](millrace::Rational rate) {
    TrackInfo track = source(1920, 1080);
    track.video.frame_rate = rate;
    return plan_ladder(ladder, track).at(0).every;
  };
  CHECK(every({60, 1}) == 2);
  CHECK(every({60'000, 1001}) == 2);
  CHECK(every({50, 1}) == 2);
  CHECK(every({30, 1}) == 1);
  CHECK(every({30'000, 1001}) == 1);
  CHECK(every({25, 1}) == 1);
  CHECK(every({120, 1}) == 4);
  CHECK(every({1000, 1}) == millrace::transcode::kMaxThinning);
  CHECK(every({0, 1}) == 1);  // Variable.
  CHECK(plan_ladder(ladder, source(1920, 1080)).at(0).codec == millrace::Codec::kHevc);
}

TEST_CASE("a source without a picture has no rungs", "[ladder]") {
  CHECK(plan_ladder(kLadder, source(0, 0)).empty());
  TrackInfo audio = source(1920, 1080);
  audio.kind = millrace::MediaKind::kAudio;
  CHECK(plan_ladder(kLadder, audio).empty());
}
