#pragma once
// A program's 33-bit 90 kHz times on an unbounded axis. One per program: its streams share the
// clock, and may stand on either side of a wrap.
#include <cstdint>

#include "media/media_time.h"

namespace millrace::ingest {

class TsClock {
 public:
  /// The time nearest to the last one that has this value modulo 2^33.
  MediaTime unwrap(std::uint64_t ticks) {
    if (!has_last_ || last_ <= -kFarthest || last_ >= kFarthest)
      last_ = static_cast<std::int64_t>(ticks);
    has_last_ = true;
    const auto step =
        static_cast<std::int64_t>((ticks - static_cast<std::uint64_t>(last_)) & kMask);
    last_ += step >= kHalf ? step - kWrap : step;
    return to_time(last_);
  }

 private:
  static constexpr std::int64_t kWrap = std::int64_t{1} << 33;
  static constexpr std::int64_t kHalf = kWrap / 2;
  static constexpr std::uint64_t kMask = static_cast<std::uint64_t>(kWrap) - 1;
  // Three years; only nonsense leads there, and it begins anew.
  static constexpr std::int64_t kFarthest = std::int64_t{1} << 43;

  /// Rounded to the nearest nanosecond: a tick is 100000/9 of them.
  static MediaTime to_time(std::int64_t ticks) {
    const std::int64_t whole = ticks / 9;
    const std::int64_t rest = ticks % 9;
    return MediaTime(whole * 100'000 + (rest * 100'000 + (rest < 0 ? -4 : 4)) / 9);
  }

  std::int64_t last_ = 0;
  bool has_last_ = false;
};

}  // namespace millrace::ingest
