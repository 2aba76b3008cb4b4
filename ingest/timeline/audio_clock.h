#pragma once
// Puts one source's audio packets on the exact grid of their samples, with holes filled.
//
// The caller's thread. Times in and out are on the channel's clock.
#include <optional>
#include <vector>

#include "ingest/timeline/frame_grid.h"
#include "media/encoded_packet.h"

namespace millrace::ingest {

/// A frame of the track's silence, AAC-LC or Opus, for one or two channels; empty for more.
Bytes silent_frame(const TrackInfo& track);

class AudioClock {
 public:
  explicit AudioClock(const TrackInfo& track);

  /// Appends the packet to `placed`, contiguous with what came before, after as many silent frames
  /// as the source left out (up to 1 s); nothing when the packet lies behind what was placed.
  void place(EncodedPacket packet, std::vector<EncodedPacket>& placed);

  /// Appends silent frames up to the one that ends nearest `end`, behind what was placed.
  void pad(MediaTime end, const std::shared_ptr<const TrackInfo>& track,
           std::vector<EncodedPacket>& placed);

  int filled_frames() const { return filled_frames_; }
  int dropped_frames() const { return dropped_frames_; }

 private:
  bool has_lasted(MediaTime deviation);

  Rational rate_;
  Bytes silence_;
  std::optional<FrameGrid> grid_;
  std::int64_t next_slot_ = 0;
  int off_grid_ = 0;  ///< Packets in a row; negative: early ones.
  int filled_frames_ = 0;
  int dropped_frames_ = 0;
};

}  // namespace millrace::ingest
