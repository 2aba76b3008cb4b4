#pragma once
// One version of a rendition's media playlist, immutable: rendered at most once and compressed at
// most once, each by the first request that needs it. Any thread; a second one that needs the same
// text at that moment waits the some 50 µs that the first takes; of a playlist with ?dvr as long
// as it takes for what is new in it.
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/metrics.h"
#include "hls/blocking_reload.h"
#include "hls/dvr/dvr_past.h"
#include "hls/playlist/media_playlist.h"
#include "hls/playlist_text.h"
#include "hls/segment_window.h"

namespace millrace::hls {

enum class PlaylistForm { kFull, kDelta };

/// Delta updates begin so many target durations from the end (4.4.3.8, CAN-SKIP-UNTIL).
inline constexpr std::uint64_t kSkipTargets = 6;

struct PlaylistCounters {
  explicit PlaylistCounters(Metrics& metrics);
  Counter full;
  Counter delta;
  Counter ts;
  Counter multivariant;
  Counter compressed;
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
  /// Takes what it needs of the window, which is not empty and has an init segment. `past`: what is
  /// listed before it, of a playlist with ?dvr.
  PlaylistSnapshot(PlaylistHeader header, const SegmentWindow& window,
                   const PlaylistCounters& counters, std::optional<DvrListing> past = {});

  std::shared_ptr<const PlaylistText> text(PlaylistForm form) const;
  /// Whether text(), and gzip of it where it is to be compressed, is quickly had: of a playlist
  /// with ?dvr, most of its blocks are there.
  bool is_made(PlaylistForm form, bool is_compressed) const;
  std::uint64_t target_seconds() const { return header_.target_seconds; }
  bool has_ended() const { return header_.has_ended; }

 private:
  struct Rendered {
    std::once_flag once;
    std::shared_ptr<const PlaylistText> text;
  };
  std::shared_ptr<const PlaylistText> render(PlaylistForm form) const;
  std::string etag(PlaylistForm form) const;

  PlaylistHeader header_;
  playlist::PrintedTime part_target_;
  bool has_independent_segments_;
  std::uint64_t next_part_;
  SegmentNumber first_number_ = 0;  ///< Of the window.
  std::vector<std::shared_ptr<const WindowSegment>> complete_;
  std::vector<playlist::Segment> without_parts_;  ///< The first of them, as they are listed now.
  playlist::Segment open_;
  const std::optional<DvrListing> past_;
  const PlaylistCounters counters_;
  mutable Rendered full_;
  mutable Rendered delta_;
};

}  // namespace millrace::hls
