#pragma once
// The exact grid that a constant-rate track's rounded timestamps lie on.
//
// A value. Any thread.
#include <optional>
#include <span>
#include <vector>

#include "media/media_time.h"

namespace millrace::ingest {

class FrameGrid {
 public:
  /// Slot 0 at `anchor`, `rate` slots per second (both parts positive).
  FrameGrid(MediaTime anchor, Rational rate) : anchor_(anchor), rate_(rate) {}

  /// The grid of the first of `candidates` on which all `times` (rising) lie to within the rounding
  /// to milliseconds that RTMP does, most of them one slot apart; none where the rate varies.
  static std::optional<FrameGrid> fit(std::span<const MediaTime> times,
                                      std::span<const Rational> candidates);

  Rational rate() const { return rate_; }
  MediaTime time_of(std::int64_t slot) const;
  std::int64_t nearest_slot(MediaTime time) const;
  MediaTime slot_duration() const { return time_of(1) - time_of(0); }

 private:
  MediaTime anchor_;
  Rational rate_;
};

/// The rates that cameras and encoders have, the announced one first where it is sane.
std::vector<Rational> candidate_rates(double announced, Rational from_bitstream);

}  // namespace millrace::ingest
