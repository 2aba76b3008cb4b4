
#include "transcode/transcode.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using millrace::TrackInfo;
using millrace::transcode::HdrMode;
using millrace::transcode::plan_ladder;
using millrace::transcode::Rung;
using millrace::transcode::rung_like;
using millrace::transcode::RungMode;
using millrace::transcode::RungTemplate;
using millrace::transcode::without_passthrough;

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

TEST_CASE("a source that is not passed through is encoded in its own size, under the rung's name",
          "[ladder]") {
  std::vector<RungTemplate> ladder = kLadder;
  ladder[0].bits_per_second = 6'000'000;
  const auto plan = [&](int width, int height) {
    return plan_ladder(without_passthrough(ladder, source(width, height)), source(width, height),
                       RungMode::kOff);
  };
  // Always, whatever the channel says of the others.
  CHECK(plan(1920, 1080) == std::vector<Rung>{{"source", 1920, 1080, 6'000'000}});
  CHECK(plan(1081, 1921) == std::vector<Rung>{{"source", 1080, 1920, 6'000'000}});
  ladder[0].limits.height = 720;
  CHECK(plan(1920, 1080) == std::vector<Rung>{{"source", 1280, 720, 6'000'000}});
  CHECK(plan(640, 360) == std::vector<Rung>{{"source", 640, 360, 6'000'000}});
}

TEST_CASE("no rung nearly equals the one in the source's place, which has its limit of pictures",
          "[ladder]") {
  std::vector<RungTemplate> ladder = kLadder;
  ladder[0].bits_per_second = 6'000'000;
  ladder[0].max_frame_rate = 30;
  TrackInfo track = source(1280, 720);
  track.video.frame_rate = {60, 1};
  const auto rungs = plan_ladder(without_passthrough(ladder, track), track);
  REQUIRE(rungs.size() == 3);
  CHECK(rungs[0] == Rung{.name = "source",
                         .width = 1280,
                         .height = 720,
                         .bits_per_second = 6'000'000,
                         .every = 2});
  CHECK(rungs[1].name == "480p");
  const std::vector<RungTemplate> encoded_only = {{"360p", false, 360, 700'000}};
  CHECK(plan_ladder(without_passthrough(encoded_only, track), track).size() == 1);
}

TEST_CASE("a source without a picture has no rungs", "[ladder]") {
  CHECK(plan_ladder(kLadder, source(0, 0)).empty());
  TrackInfo audio = source(1920, 1080);
  audio.kind = millrace::MediaKind::kAudio;
  CHECK(plan_ladder(kLadder, audio).empty());
}

TEST_CASE("a rung keeps high dynamic range where its template says so", "[ladder]") {
  const auto rungs = plan_ladder({{.name = "720p",
                                   .height = 720,
                                   .bits_per_second = 2'800'000,
                                   .codec = millrace::Codec::kHevc,
                                   .hdr = HdrMode::kKeep},
                                  {.name = "360p", .height = 360, .bits_per_second = 700'000}},
                                 source(1920, 1080));
  REQUIRE(rungs.size() == 2);
  CHECK(rungs[0].hdr == HdrMode::kKeep);
  CHECK(rungs[1].hdr == HdrMode::kToneMap);
}

TEST_CASE("a still picture of the source is as deep as players decode its codec", "[ladder]") {
  TrackInfo track = source(1920, 1080);
  track.codec = millrace::Codec::kHevc;
  CHECK(rung_like(track).hdr == HdrMode::kKeep);
  track.codec = millrace::Codec::kH264;
  CHECK(rung_like(track).hdr == HdrMode::kToneMap);
}
