#include "ingest/auth/rate_window.h"

#include <algorithm>

namespace millrace::ingest {
namespace {

constexpr auto kStepCount = static_cast<std::int64_t>(RateWindow::kSteps);

std::int64_t floor_divided(std::int64_t value, std::int64_t by) {
  const std::int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

std::size_t index_of(std::int64_t step) {
  return static_cast<std::size_t>(step - floor_divided(step, kStepCount) * kStepCount);
}

}  // namespace

void RateWindow::begin(std::int64_t step) {
  amounts_.fill(0);
  sum_ = 0;
  first_ = newest_ = step;
  has_begun_ = true;
}

void RateWindow::add(std::chrono::nanoseconds at, std::int64_t amount) {
  std::int64_t step = floor_divided(at.count(), step_.count());
  if (!has_begun_ || step < newest_ - kStepCount || step > newest_ + kStepCount) begin(step);
  step = std::max(step, newest_);
  while (newest_ < step) {
    auto& oldest = amounts_[index_of(++newest_)];
    sum_ -= oldest;
    oldest = 0;
  }
  amounts_[index_of(step)] += amount;
  sum_ += amount;
}

bool RateWindow::exceeds(double per_second) const {
  if (!has_begun_ || newest_ - first_ < kStepCount) return false;
  const std::chrono::duration<double> length = step_ * kStepCount;
  return static_cast<double>(sum_) > per_second * length.count();
}

}  // namespace millrace::ingest
