#pragma once
// Decides where segments begin and what target duration is promised (design.md §2).
//
// Pure; the caller's thread.
#include <optional>

#include "ingest/ingest.h"
#include "media/media_time.h"

namespace millrace::ingest {

class Segmenter {
 public:
  /// `promised`: an earlier show's promise, or zero.
  Segmenter(MediaTime target, MediaTime promised, SegmentNumber first)
      : target_(target), promise_(promised), next_(first) {}

  /// A frame of the pacing track in decoding order, at `time` (presentation). Returns the segment
  /// that it opens.
  std::optional<SegmentStart> on_frame(MediaTime time, MediaTime duration, bool is_key_frame);

  /// The next frame opens a segment that starts a discontinuity, whatever it is.
  void force_discontinuity() { opening_pending_ = discontinuity_pending_ = true; }
  /// The next frame opens a segment, whatever it is.
  void force_opening() { opening_pending_ = true; }

  /// EXT-X-TARGETDURATION; zero while the first GOP runs.
  MediaTime promised_target() const { return promise_; }
  bool has_opened() const { return start_.has_value(); }

 private:
  SegmentStart open(MediaTime time);
  /// rfc8216bis 4.4.3.1: EXTINF rounded to the nearest integer must not pass the target duration.
  MediaTime longest() const { return promise_ + std::chrono::milliseconds(499); }
  void promise(MediaTime first_gop);

  MediaTime target_;
  MediaTime promise_;
  SegmentNumber next_;
  std::optional<MediaTime> start_;
  std::optional<MediaTime> last_key_frame_;
  MediaTime last_gop_{};
  bool opening_pending_ = true;
  bool discontinuity_pending_ = false;
};

}  // namespace millrace::ingest
