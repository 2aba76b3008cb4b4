#include "transcode/encoder_settings.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

VideoParameters rate(std::int64_t numerator, std::int64_t denominator) {
  VideoParameters video;
  video.frame_rate = {numerator, denominator};
  return video;
}

}  // namespace

TEST_CASE("balanced looks five frames ahead where they are less than a part", "[encoder]") {
  CHECK(encoder_settings(Profile::kBalanced, rate(30, 1), 200ms).lookahead_frames == 5);
  CHECK(encoder_settings(Profile::kBalanced, rate(30000, 1001), 200ms).b_frames == 1);
  // 25 fps: five frames are the whole part.
  CHECK(encoder_settings(Profile::kBalanced, rate(25, 1), 200ms).is_zero_latency);
  CHECK_FALSE(encoder_settings(Profile::kBalanced, rate(25, 1), 240ms).is_zero_latency);
}

TEST_CASE("quality looks ten frames ahead where they are less than a part, else as balanced",
          "[encoder]") {
  CHECK(encoder_settings(Profile::kQuality, rate(30, 1), 500ms).delay_frames == 10);
  CHECK(encoder_settings(Profile::kQuality, rate(60, 1), 200ms).b_frames == 3);
  CHECK(encoder_settings(Profile::kQuality, rate(30, 1), 200ms).delay_frames == 5);
  CHECK(encoder_settings(Profile::kQuality, rate(25, 1), 200ms).is_zero_latency);
}

TEST_CASE("realtime holds nothing back", "[encoder]") {
  const auto settings = encoder_settings(Profile::kRealtime, rate(60, 1), 1s);
  CHECK(settings.is_zero_latency);
  CHECK(settings.delay_frames == 0);
}

TEST_CASE("a variable rate counts by its longest frame", "[encoder]") {
  VideoParameters video;
  video.longest_frame = 50ms;
  CHECK(frame_duration(video) == 50ms);
  CHECK(encoder_settings(Profile::kBalanced, video, 200ms).is_zero_latency);
}
