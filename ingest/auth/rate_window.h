#pragma once
// An amount for each second over the last seconds of one clock. One thread.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace millrace::ingest {

class RateWindow {
 public:
  static constexpr std::size_t kSteps = 50;

  explicit RateWindow(std::chrono::nanoseconds length) : step_(length / kSteps) {}

  /// `at` on any origin. What is late counts as now; a step back by more than the window, or ahead,
  /// begins anew.
  void add(std::chrono::nanoseconds at, std::int64_t amount);

  /// Whether the window is full and had more than `per_second` in it.
  bool exceeds(double per_second) const;

 private:
  void begin(std::int64_t step);

  const std::chrono::nanoseconds step_;
  std::array<std::int64_t, kSteps> amounts_{};
  std::int64_t sum_ = 0;
  std::int64_t first_ = 0;  ///< Step since it began.
  std::int64_t newest_ = 0;
  bool has_begun_ = false;
};

}  // namespace millrace::ingest
