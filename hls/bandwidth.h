#pragma once
// A rendition's BANDWIDTH and AVERAGE-BANDWIDTH, measured on its segments and stable enough for a
// playlist that caches keep (draft-pantos-hls-rfc8216bis §4.4.6.2). A value; the caller's thread.
#include <cstddef>
#include <cstdint>

#include "media/media_time.h"

namespace millrace::hls {

class Bandwidth {
 public:
  /// `declared`: what an encoder was told to make on average, bits per second; 0: nothing is known.
  /// `has_key_frames`: a picture's first parts have more than their share of it.
  explicit Bandwidth(std::int64_t declared = 0, bool has_key_frames = true);

  /// A part of the first segment: all there is to go by until it is complete. Later ones are not
  /// looked at.
  void add_part(std::size_t bytes, MediaTime duration);
  void add_segment(std::size_t bytes, MediaTime duration);

  /// Bits per second, container included; 0 before the first part where nothing is declared. Each
  /// changes in steps of some per cent, the peak only upwards.
  std::int64_t peak() const { return peak_; }
  std::int64_t average() const { return average_; }
  /// Of the last half minute or so, as it is.
  std::int64_t measured_average() const;

 private:
  void update(double measured_peak);

  struct Amount {
    double bits = 0;
    double seconds = 0;
  };
  double declared_;
  bool has_key_frames_;
  Amount first_parts_;
  Amount segments_;  ///< Older ones fade.
  int segment_count_ = 0;
  std::int64_t peak_ = 0;
  std::int64_t average_ = 0;
};

}  // namespace millrace::hls
