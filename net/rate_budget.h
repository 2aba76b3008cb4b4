#pragma once
// How often something may happen: so often at once, and then at a rate. One thread.
#include <algorithm>
#include <chrono>

namespace millrace::net {

class RateBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  RateBudget(double at_once, double per_second)
      : at_once_(at_once), per_second_(per_second), left_(at_once) {}

  /// Spends one. False where none is left.
  bool take(Time now) {
    if (now > filled_at_) {
      const std::chrono::duration<double> passed = now - filled_at_;
      left_ = std::min(at_once_, left_ + passed.count() * per_second_);
      filled_at_ = now;
    }
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  /// For what was done in exchange.
  void give(double count) { left_ = std::min(at_once_, left_ + count); }

 private:
  const double at_once_;
  const double per_second_;
  double left_;
  Time filled_at_{};
};

}  // namespace millrace::net
