#pragma once
// What a channel shows while its source is away: a group of pictures and a frame of silence,
// repeated on the channel's clock.
//
// The caller's thread.
#include <memory>
#include <optional>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/timeline/frame_grid.h"

namespace millrace::ingest {

/// The track of the silence that stands in for a track's sound: the same one where a frame of its
/// silence is known, so that no parameters change; else stereo of AAC-LC or Opus, as it is.
std::shared_ptr<const TrackInfo> silent_track(const std::shared_ptr<const TrackInfo>& track);

class FillSource {
 public:
  struct Silence {
    std::shared_ptr<const TrackInfo> track;  ///< Of silent_track().
    MediaTime start{};
  };

  /// Each track begins where the source's own ended. The video's track may be null, and the list
  /// empty, but not both.
  FillSource(FillVideo video, MediaTime video_start, const std::vector<Silence>& audio);

  /// The next packet in decoding order, picture before sound, unless it would end after `until`.
  std::optional<EncodedPacket> next(MediaTime until);

 private:
  /// One track: the n-th packet takes the n-th slot.
  struct Line {
    std::shared_ptr<const TrackInfo> track;
    std::vector<Bytes> payloads;
    FrameGrid grid;
    std::int64_t slot = 0;

    EncodedPacket take();
    MediaTime end() const { return grid.time_of(slot + 1); }
    MediaTime begin() const { return grid.time_of(slot); }
  };

  std::vector<Line> lines_;  ///< The video's first.
};

}  // namespace millrace::ingest
