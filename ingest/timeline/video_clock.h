#pragma once
// Gives one source's video packets their exact, contiguous decode times and durations.
//
// The caller's thread. Times in and out are on the channel's clock.
#include <optional>
#include <vector>

#include "ingest/timeline/frame_grid.h"
#include "media/encoded_packet.h"

namespace millrace::ingest {

/// design.md §2: a source's times that step farther than this, either way, are a jump.
inline constexpr MediaTime kSourceJump = std::chrono::seconds(1);

class VideoClock {
 public:
  /// Constant rate: a packet is placed the moment it comes. `longest_hole`: see is_jump().
  VideoClock(FrameGrid grid, MediaTime longest_hole) : grid_(grid), longest_hole_(longest_hole) {}
  /// Variable rate: a packet is placed when the next one tells its duration.
  explicit VideoClock(MediaTime longest_hole) : longest_hole_(longest_hole) {}

  /// Whether a packet with this dts does not continue what was placed: it would make a picture
  /// longer than a part, or lie behind what was published. The caller then starts a new clock.
  bool is_jump(MediaTime dts) const;

  /// The packet that is now complete, if any: dts is the end of the packet before, pts on the grid.
  std::optional<EncodedPacket> place(EncodedPacket packet);
  /// The packet held back, with the duration of the one before it.
  std::optional<EncodedPacket> flush();

  /// Frames that the source left out, each made good by a longer next one.
  int skipped_frames() const { return skipped_frames_; }
  /// The end of the newest packet placed; none before.
  std::optional<MediaTime> end() const { return end_; }

 private:
  EncodedPacket place_on_grid(EncodedPacket packet);

  std::optional<FrameGrid> grid_;
  MediaTime longest_hole_;
  std::optional<MediaTime> end_;
  std::int64_t next_slot_ = 0;
  int skipped_frames_ = 0;
  std::optional<EncodedPacket> held_;
  MediaTime last_duration_ = std::chrono::milliseconds(33);
};

/// A clock for a track whose first picture is at `anchor`. On a grid a part has k frames, k nearest
/// `part_target`; a longer picture is a jump.
VideoClock video_clock_at(MediaTime anchor, const VideoParameters& video, MediaTime part_target);

/// A track whose rate is what its first pictures' `times` (on the channel's clock) say.
struct ClockedVideo {
  TrackInfo track;
  VideoClock clock;
};
ClockedVideo clock_video(TrackInfo track, const std::vector<MediaTime>& times,
                         double announced_rate, MediaTime part_target);

}  // namespace millrace::ingest
