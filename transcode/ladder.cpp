#include <algorithm>
#include <cmath>

#include "transcode/transcode.h"

namespace millrace::transcode {
namespace {

// 4:2:0 needs even sizes.
int even(double size) {
  return std::max(2, static_cast<int>(std::lround(size / 2)) * 2);
}

}  // namespace

std::vector<Rung> plan_ladder(const std::vector<RungTemplate>& ladder, const TrackInfo& source) {
  std::vector<Rung> rungs;
  const int width = source.video.width, height = source.video.height;
  if (source.kind != MediaKind::kVideo || width <= 0 || height <= 0) return rungs;
  const int shorter = std::min(width, height);
  const bool is_passed_through =
      std::any_of(ladder.begin(), ladder.end(), [](const auto& rung) { return rung.passthrough; });
  for (const auto& rung : ladder) {
    if (rung.passthrough || rung.height <= 0 || rung.height > shorter) continue;
    if (is_passed_through && rung.height == shorter) continue;
    const double scale = static_cast<double>(rung.height) / shorter;
    rungs.push_back({.name = rung.name,
                     .width = even(width * scale),
                     .height = even(height * scale),
                     .bits_per_second = rung.bits_per_second});
  }
  std::stable_sort(rungs.begin(), rungs.end(), [](const Rung& a, const Rung& b) {
    return std::pair(a.width * a.height, a.bits_per_second) >
           std::pair(b.width * b.height, b.bits_per_second);
  });
  return rungs;
}

}  // namespace millrace::transcode
