#pragma once
// What the picture of a source must keep to be passed through to viewers as it came.
#include <cstdint>
#include <vector>

#include "media/media_time.h"
#include "media/track_info.h"

namespace millrace {

/// Zero or empty: no limit.
struct PassthroughLimits {
  std::vector<Codec> codecs = {};    ///< Any of them.
  std::int64_t bits_per_second = 0;  ///< Of the picture alone.
  MediaTime key_frame_interval{};
  int frame_rate = 0;  ///< Pictures per second.
  int height = 0;      ///< Of the shorter side.
  bool may_have_b_frames = true;
  bool may_be_interlaced = true;
  bool may_be_unplayable = true;  ///< Of a profile that no browser plays.
  friend bool operator==(const PassthroughLimits&, const PassthroughLimits&) = default;
};

}  // namespace millrace
