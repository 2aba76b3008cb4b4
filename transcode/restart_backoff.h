#pragma once
// When a dead worker is started again: the first time at once, then after 0.5 s, doubling up to
// 10 s; after 10 s of good running the count begins anew. Pure; any thread.
#include <algorithm>
#include <chrono>

namespace millrace::transcode {

class RestartBackoff {
 public:
  /// Of the next start, for a worker that ran for `ran`.
  std::chrono::milliseconds next_delay(std::chrono::nanoseconds ran) {
    if (ran >= kGoodRun) delay_ = std::chrono::milliseconds(0);
    const auto delay = delay_;
    delay_ = std::clamp(delay_ * 2, kFirst, kLongest);
    return delay;
  }

 private:
  static constexpr std::chrono::milliseconds kFirst{500};
  static constexpr std::chrono::milliseconds kLongest{10'000};
  static constexpr std::chrono::seconds kGoodRun{10};

  std::chrono::milliseconds delay_{0};
};

}  // namespace millrace::transcode
