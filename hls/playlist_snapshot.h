#pragma once
// One version of a rendition's media playlist, immutable: rendered at most once and compressed at
// most once, each by the first request that needs it. Any thread; a second one that needs the same
// text at that moment waits the some 50 µs that the first takes.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/metrics.h"
#include "hls/blocking_reload.h"
#include "hls/playlist/media_playlist.h"
#include "hls/segment_window.h"

namespace millrace::hls {

enum class PlaylistForm { kFull, kDelta };

struct PlaylistCounters {
  explicit PlaylistCounters(Metrics& metrics);
  Counter full;
  Counter delta;
  Counter multivariant;
  Counter compressed;
};

/// A text, and its gzip made when first asked for.
class PlaylistText {
 public:
  PlaylistText(std::string_view text, std::string etag, Counter compressed)
      : text_(Bytes::copy_of(text)), etag_(std::move(etag)), compressions_(compressed) {}

  const Bytes& plain() const { return text_; }
  const Bytes& compressed() const;
  /// Without quotes; another one than that of any other text at the same URL.
  const std::string& etag() const { return etag_; }

 private:
  const Bytes text_;
  const std::string etag_;
  mutable Counter compressions_;
  mutable std::once_flag once_;
  mutable Bytes gzip_;
};

/// What all of a channel's playlists say, and where the other renditions are.
struct PlaylistHeader {
  std::string start_id;
  std::uint64_t version = 0;  ///< Of this rendition's playlist, for its entity tag.
  std::uint64_t target_seconds = 0;
  playlist::PrintedTime part_hold_back = 0;
  std::uint64_t can_skip_until = 0;
  std::uint64_t discontinuity_sequence = 0;
  bool has_ended = false;
  struct Report {
    std::string rendition;
    PlaylistPosition newest_part;
  };
  std::vector<Report> reports;
};

class PlaylistSnapshot {
 public:
  /// Takes what it needs of the window, which is not empty and has an init segment.
  PlaylistSnapshot(PlaylistHeader header, const SegmentWindow& window,
                   const PlaylistCounters& counters);

  std::shared_ptr<const PlaylistText> text(PlaylistForm form) const;
  std::uint64_t target_seconds() const { return header_.target_seconds; }

 private:
  struct Rendered {
    std::once_flag once;
    std::shared_ptr<const PlaylistText> text;
  };
  std::shared_ptr<const PlaylistText> render(PlaylistForm form) const;

  PlaylistHeader header_;
  playlist::PrintedTime part_target_;
  bool has_independent_segments_;
  std::uint64_t next_part_;
  std::vector<std::shared_ptr<const WindowSegment>> complete_;
  std::vector<playlist::Segment> without_parts_;  ///< The first of them, as they are listed now.
  playlist::Segment open_;
  const PlaylistCounters& counters_;  ///< The origin's, which outlives its channels.
  mutable Rendered full_;
  mutable Rendered delta_;
};

}  // namespace millrace::hls
