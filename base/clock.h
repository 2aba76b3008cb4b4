#pragma once
// Time as an argument: wall clock for what viewers see, steady clock for durations and deadlines.
// Any thread.
#include <chrono>

namespace millrace {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Since the Unix epoch.
  virtual std::chrono::nanoseconds wall_now() const = 0;
  virtual std::chrono::steady_clock::time_point steady_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  std::chrono::nanoseconds wall_now() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
  }
  std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace millrace
