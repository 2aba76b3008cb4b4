#pragma once
// What the server's times are on our clock. Steady clocks of two machines have nothing to do with
// each other, and drift apart: a packet that was under way as shortly as none of the last half to
// whole minute counts as received just now. Those that a burst or a slow link has kept are older.
//
// heard() on one thread, ours() on any.
#include <algorithm>
#include <atomic>
#include <chrono>

#include "transcode/transcode.h"

namespace millrace::transcode::worker {

class ServerClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit ServerClock(ServerPlace server) : is_ours_(server == ServerPlace::kSameMachine) {}

  /// A packet of then came now.
  void heard(TimePoint received_at, TimePoint now) {
    if (is_ours_) return;
    const auto apart = now - received_at;
    const bool is_first = newest_.began == TimePoint();
    if (is_first || now - newest_.began >= kPeriod) {
      before_ = is_first ? apart : newest_.least;
      newest_ = {now, apart};
    }
    newest_.least = std::min(newest_.least, apart);
    apart_ = std::min(before_, newest_.least).count();
  }
  TimePoint ours(TimePoint servers) const {
    return servers + std::chrono::steady_clock::duration(apart_.load());
  }

 private:
  // Clocks drift by a tenth of a millisecond a second at most: 3 ms in that.
  static constexpr std::chrono::seconds kPeriod{30};

  struct Period {
    TimePoint began;
    std::chrono::nanoseconds least{};
  };
  const bool is_ours_;
  Period newest_;
  std::chrono::nanoseconds before_{};  ///< The least of the period before.
  std::atomic<std::chrono::nanoseconds::rep> apart_ = 0;
};

}  // namespace millrace::transcode::worker
