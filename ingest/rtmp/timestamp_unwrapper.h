#pragma once
// RTMP's 32-bit milliseconds on an unbounded axis. One per publisher: its tracks share the clock.
#include <cstdint>

#include "media/media_time.h"

namespace millrace::ingest {

class TimestampUnwrapper {
 public:
  /// The time nearest to the last one that has this value modulo 2^32: a step back of less than
  /// 2^31 ms is a step back, and past 2^32 (49.7 days) it goes on. The first is taken as it is.
  MediaTime unwrap(std::uint32_t milliseconds) {
    if (!has_last_) {
      has_last_ = true;
      last_ = milliseconds;
    } else {
      last_ += static_cast<std::int32_t>(milliseconds - static_cast<std::uint32_t>(last_));
    }
    return std::chrono::milliseconds(last_);
  }

 private:
  std::int64_t last_ = 0;
  bool has_last_ = false;
};

}  // namespace millrace::ingest
