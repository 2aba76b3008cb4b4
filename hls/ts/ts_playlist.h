#pragma once
// One version of a rendition's media playlist of MPEG-TS segments, immutable: rendered at most
// once, by the first request that needs it. Any thread.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "hls/playlist_snapshot.h"
#include "hls/playlist_text.h"
#include "hls/segment_window.h"

namespace millrace::hls {

class TsPlaylist {
 public:
  /// Lists the first `count` of the window's complete segments, one at least; what is not in
  /// MPEG-TS as a gap. `version`: of no other such playlist of the rendition.
  TsPlaylist(PlaylistHeader header, const SegmentWindow& window, std::size_t count,
             std::uint64_t version, const PlaylistCounters& counters);

  /// Whether one that is made now would say the same.
  bool is_same(const PlaylistHeader& header, const SegmentWindow& window, std::size_t count) const;
  std::shared_ptr<const PlaylistText> text() const;
  std::uint64_t target_seconds() const { return header_.target_seconds; }
  bool has_ended() const { return header_.has_ended; }

 private:
  const PlaylistHeader header_;
  const bool has_independent_segments_;
  struct Listed {
    std::shared_ptr<const WindowSegment> segment;
    bool is_gap = false;
  };
  std::vector<Listed> segments_;
  const std::uint64_t version_;
  const PlaylistCounters& counters_;  ///< The origin's, which outlives its channels.
  mutable std::once_flag once_;
  mutable std::shared_ptr<const PlaylistText> text_;
};

}  // namespace millrace::hls
