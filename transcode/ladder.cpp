#include <algorithm>
#include <cmath>

#include "transcode/transcode.h"

namespace millrace::transcode {
namespace {

// 4:2:0 needs even sizes.
int even(double size) {
  return std::max(2, static_cast<int>(std::lround(size / 2)) * 2);
}

// A rung so much smaller than the source, at least, is worth its encoder where the source is passed
// through: a tenth less in height is a fifth less of pixels.
constexpr double kNearlyEqual = 0.9;
// 29.97 pictures per second are 30, and a clock may be off by as much.
constexpr double kRateTolerance = 1.01;

/// How many of the source's pictures make one of at most `limit` per second. A variable rate is
/// left as it is: there is no every n-th of it.
int every(const Rational& rate, int limit) {
  if (limit <= 0 || rate.numerator <= 0 || rate.denominator <= 0) return 1;
  const double per_second =
      static_cast<double>(rate.numerator) / static_cast<double>(rate.denominator);
  const double times = std::ceil(per_second / (limit * kRateTolerance));
  return std::clamp(static_cast<int>(times), 1, kMaxThinning);
}

}  // namespace

std::vector<Rung> plan_ladder(const std::vector<RungTemplate>& ladder, const TrackInfo& source,
                              RungMode mode) {
  std::vector<Rung> rungs;
  const int width = source.video.width, height = source.video.height;
  if (source.kind != MediaKind::kVideo || width <= 0 || height <= 0) return rungs;
  const int shorter = std::min(width, height);
  const bool is_passed_through =
      std::any_of(ladder.begin(), ladder.end(), [](const auto& rung) { return rung.passthrough; });
  for (const auto& rung : ladder) {
    if (rung.passthrough || rung.height <= 0 || rung.height > shorter) continue;
    if (is_passed_through && rung.height > kNearlyEqual * shorter) continue;
    const RungMode own = rung.mode.value_or(mode);
    if (own == RungMode::kOff) continue;
    const double scale = static_cast<double>(rung.height) / shorter;
    rungs.push_back({.name = rung.name,
                     .width = even(width * scale),
                     .height = even(height * scale),
                     .bits_per_second = rung.bits_per_second,
                     .codec = rung.codec,
                     .every = every(source.video.frame_rate, rung.max_frame_rate),
                     .is_on_demand = own == RungMode::kOnDemand,
                     .hdr = rung.hdr});
  }
  std::stable_sort(rungs.begin(), rungs.end(), [](const Rung& a, const Rung& b) {
    return std::pair(a.width * a.height, a.bits_per_second) >
           std::pair(b.width * b.height, b.bits_per_second);
  });
  return rungs;
}

std::vector<RungTemplate> without_passthrough(std::vector<RungTemplate> ladder,
                                              const TrackInfo& source) {
  const auto found =
      std::find_if(ladder.begin(), ladder.end(), [](const auto& rung) { return rung.passthrough; });
  if (found == ladder.end()) return ladder;
  const int shorter = std::min(source.video.width, source.video.height);
  const int most = found->limits.height > 0 ? std::min(found->limits.height, shorter) : shorter;
  const int height = std::max(2, most / 2 * 2);  // Even, and never more than the source has.
  found->passthrough = false;
  found->height = height;
  found->mode = RungMode::kAlways;
  const std::string name = found->name;
  std::erase_if(ladder, [&](const auto& rung) {
    return rung.name != name && rung.height > kNearlyEqual * height;
  });
  return ladder;
}

Rung rung_like(const TrackInfo& source) {
  // 4:2:0 needs even sizes; none is larger than the source's.
  const int width = std::max(2, source.video.width / 2 * 2);
  const int height = std::max(2, source.video.height / 2 * 2);
  // A tenth of a bit per pixel at 30 pictures/s: generous for a key frame and what adds nothing.
  const auto bits_per_second = std::int64_t{3} * width * height;
  return {.name = "source",
          .width = width,
          .height = height,
          .bits_per_second = std::clamp<std::int64_t>(bits_per_second, 300'000, 8'000'000),
          .codec = source.codec,
          // H.264 with ten bits is not for players.
          .hdr = source.codec == Codec::kH264 ? HdrMode::kToneMap : HdrMode::kKeep};
}

}  // namespace millrace::transcode
