#include "transcode/frame_thinner.h"

#include <numeric>
#include <utility>

namespace millrace::transcode {

bool FrameThinner::stays(const Picture& picture) const {
  return !held_ || picture.opens_segment || picture.starts_discontinuity || picture.follows_gap;
}

void FrameThinner::push(Frame frame, const Handler& on_frame) {
  if (stays(frame.picture)) {
    drain(on_frame);
    held_ = std::move(frame);
    count_ = 1;
  } else {
    held_->picture.duration = frame.picture.pts + frame.picture.duration - held_->picture.pts;
    ++count_;
  }
  if (count_ == every_) drain(on_frame);
}

void FrameThinner::drain(const Handler& on_frame) {
  if (auto frame = std::exchange(held_, std::nullopt)) on_frame(std::move(*frame));
}

VideoParameters thinned(const VideoParameters& source, const Rung& rung) {
  VideoParameters video = source;
  video.longest_frame *= rung.every;
  if (video.frame_rate.numerator <= 0) return video;
  video.frame_rate.denominator *= rung.every;
  const auto common = std::gcd(video.frame_rate.numerator, video.frame_rate.denominator);
  video.frame_rate.numerator /= common;
  video.frame_rate.denominator /= common;
  return video;
}

}  // namespace millrace::transcode
