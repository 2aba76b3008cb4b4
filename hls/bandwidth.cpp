#include "hls/bandwidth.h"

#include <algorithm>
#include <cmath>

namespace millrace::hls {
namespace {

// What an encoded rung has over its average: a VBV of one second at 1.2 times the bit rate, which
// is how the encoders are set, and 2 % for the container.
constexpr double kPeakOverDeclared = 1.22;
constexpr double kContainer = 1.02;
// The highest peak so far is not the highest that will come; Apple's rule (authoring specification
// 1.29) forgives a quarter, and this keeps most of it in hand.
constexpr double kPeakMargin = 1.1;
constexpr double kPeakSlack = 1.02;
// An average that has moved by less is not worth another playlist.
constexpr double kAverageStep = 0.05;
constexpr double kFadePerSegment = 0.94;
// From so many segments on an encoder is believed by what it does.
constexpr int kSegmentsToBelieve = 3;

/// To three digits or whole kbit/s.
std::int64_t rounded_up(double bits_per_second) {
  double step = 1000;
  while (bits_per_second / step >= 1000) step *= 10;
  return static_cast<std::int64_t>(std::ceil(bits_per_second / step) * step);
}

double to_seconds(MediaTime time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Bandwidth::Bandwidth(std::int64_t declared, bool has_key_frames)
    : declared_(static_cast<double>(declared)), has_key_frames_(has_key_frames) {
  if (declared > 0) update(0);
}

void Bandwidth::add_part(std::size_t bytes, MediaTime duration) {
  if (segment_count_ > 0) return;
  first_parts_.bits += static_cast<double>(bytes) * 8;
  first_parts_.seconds += to_seconds(duration);
  if (first_parts_.seconds <= 0) return;
  // It begins with the key frame, which alone would say many times too much.
  const double least = has_key_frames_ ? 1.0 : 0.0;
  update(first_parts_.bits / std::max(first_parts_.seconds, least));
}

void Bandwidth::add_segment(std::size_t bytes, MediaTime duration) {
  if (duration <= MediaTime::zero()) return;
  const double bits = static_cast<double>(bytes) * 8;
  const double seconds = to_seconds(duration);
  segments_.bits = segments_.bits * kFadePerSegment + bits;
  segments_.seconds = segments_.seconds * kFadePerSegment + seconds;
  ++segment_count_;
  update(bits / seconds);
}

std::int64_t Bandwidth::measured_average() const {
  const Amount& known = segment_count_ > 0 ? segments_ : first_parts_;
  return known.seconds > 0 ? std::llround(known.bits / known.seconds) : 0;
}

void Bandwidth::update(double measured_peak) {
  const double least = declared_ * kPeakOverDeclared * kContainer;
  if (std::max(measured_peak * kPeakSlack, least) > static_cast<double>(peak_))
    peak_ = rounded_up(std::max(measured_peak * kPeakMargin, least));
  double average = segment_count_ == 0 ? measured_peak : static_cast<double>(measured_average());
  if (declared_ > 0 && segment_count_ < kSegmentsToBelieve) average = declared_ * kContainer;
  if (std::abs(average - static_cast<double>(average_)) >
      static_cast<double>(average_) * kAverageStep)
    average_ = rounded_up(average);
  average_ = std::min(average_, peak_);
}

}  // namespace millrace::hls
