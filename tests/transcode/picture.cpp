#include "tests/transcode/picture.h"

#include <algorithm>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

extern "C" {
#include <libavutil/log.h>
}

namespace millrace::test {
namespace {

// libavcodec's lines on every clip would drown a test's own.
[[maybe_unused]] const bool is_quiet = (av_log_set_level(AV_LOG_QUIET), true);

}  // namespace

transcode::FramePointer make_picture(int width, int height, int number) {
  transcode::FramePointer picture(av_frame_alloc());
  picture->format = AV_PIX_FMT_YUV420P;
  picture->width = width;
  picture->height = height;
  REQUIRE(av_frame_get_buffer(picture.get(), 0) == 0);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      picture->data[0][y * picture->linesize[0] + x] =
          static_cast<std::uint8_t>(128 + 60 * (((x + 4 * number) / 16 + y / 16) % 2));
  for (int plane = 1; plane < 3; ++plane)
    for (int y = 0; y < height / 2; ++y)
      std::fill_n(picture->data[plane] + y * picture->linesize[plane], width / 2,
                  static_cast<std::uint8_t>(100 + number % 50));
  return picture;
}

std::shared_ptr<const TrackInfo> picture_track(int width, int height, Rational frame_rate) {
  TrackInfo track;
  track.video.width = width;
  track.video.height = height;
  track.video.frame_rate = frame_rate;
  return std::make_shared<const TrackInfo>(std::move(track));
}

transcode::Frame make_frame(const std::shared_ptr<const TrackInfo>& track, int number) {
  const VideoParameters& video = track->video;
  const auto grid = [&rate = video.frame_rate](std::int64_t place) {
    return std::chrono::hours(1) +
           MediaTime(scale_rounded(place * rate.denominator, 1'000'000'000, rate.numerator));
  };
  transcode::Frame frame;
  frame.picture.pts = grid(number);
  frame.picture.duration = grid(number + 1) - grid(number);
  frame.planes = make_picture(video.width, video.height, number);
  frame.source = track;
  return frame;
}

}  // namespace millrace::test
