#pragma once
#include <atomic>

#include "base/clock.h"

namespace millrace::test {

/// Both clocks stand still until told. Any thread reads them, one sets them.
class FakeClock final : public Clock {
 public:
  std::chrono::nanoseconds wall_now() const override { return wall_; }
  std::chrono::steady_clock::time_point steady_now() const override { return steady_; }

  void advance(std::chrono::nanoseconds by) {
    step_wall(by);
    steady_ = steady_.load() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(by);
  }
  /// As an operator's or NTP's step does.
  void step_wall(std::chrono::nanoseconds by) { wall_ = wall_.load() + by; }

 private:
  std::atomic<std::chrono::nanoseconds> wall_{std::chrono::seconds(1'750'000'000)};
  std::atomic<std::chrono::steady_clock::time_point> steady_{
      std::chrono::steady_clock::time_point(std::chrono::hours(1))};
};

}  // namespace millrace::test
