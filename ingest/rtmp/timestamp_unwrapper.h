#pragma once
// RTMP's 32-bit milliseconds on an unbounded axis. One per publisher: its tracks share the clock.
#include <cstdint>

#include "media/media_time.h"

namespace millrace::ingest {

class TimestampUnwrapper {
 public:
  /// The time nearest to the last one that has this value modulo 2^32: a step back of less than
  /// 2^31 ms is a step back, and past 2^32 (49.7 days) it goes on. The first is taken as it is, and
  /// so is one that would be 2^40 ms (35 years) or more away from zero.
  MediaTime unwrap(std::uint32_t milliseconds) {
    if (has_last_)
      last_ += static_cast<std::int32_t>(milliseconds - static_cast<std::uint32_t>(last_));
    if (!has_last_ || last_ <= -kFarthest || last_ >= kFarthest) last_ = milliseconds;
    has_last_ = true;
    return std::chrono::milliseconds(last_);
  }

 private:
  // Only steps of days per packet lead there. Nanoseconds that far apart, and the time of day, can
  // be added and subtracted without overflow.
  static constexpr std::int64_t kFarthest = std::int64_t{1} << 40;

  std::int64_t last_ = 0;
  bool has_last_ = false;
};

}  // namespace millrace::ingest
