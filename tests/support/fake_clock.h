#pragma once
#include "base/clock.h"

namespace millrace::test {

/// Both clocks stand still until told.
class FakeClock final : public Clock {
 public:
  std::chrono::nanoseconds wall_now() const override { return wall_; }
  std::chrono::steady_clock::time_point steady_now() const override { return steady_; }

  void advance(std::chrono::nanoseconds by) {
    wall_ += by;
    steady_ += std::chrono::duration_cast<std::chrono::steady_clock::duration>(by);
  }
  /// As an operator's or NTP's step does.
  void step_wall(std::chrono::nanoseconds by) { wall_ += by; }

 private:
  std::chrono::nanoseconds wall_ = std::chrono::seconds(1'750'000'000);
  std::chrono::steady_clock::time_point steady_{std::chrono::hours(1)};
};

}  // namespace millrace::test
