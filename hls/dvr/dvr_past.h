#pragma once
// What a channel's playlists with ?dvr list before the live window: the segments on disk, the same
// in every rendition, what one has not as a gap. They come from the live window, or from an earlier
// start of the server, whose numbers need not join on: in the playlist, they count backwards from
// the live window's first.
//
// No thread of its own: the channel's lock is held for every call, but for what a DvrListing has.
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hls/dvr/dvr_files.h"
#include "hls/dvr/dvr_place.h"
#include "hls/playlist/media_playlist.h"
#include "hls/playlist_text.h"

namespace millrace::hls {

/// One rendition's of a segment.
struct DvrLine {
  MediaTime start{};
  playlist::PrintedTime duration = 0;
  SegmentNumber map = 0;
  bool is_independent = true;
  std::shared_ptr<const DvrPlace> place;  ///< Null: a gap.
};

/// A segment of all renditions. Immutable.
struct DvrSlot {
  std::shared_ptr<const std::string> start_id;
  SegmentNumber number = 0;
  MediaTime start{};
  playlist::PrintedTime duration = 0;
  bool starts_discontinuity = false;
  std::vector<DvrLine> lines;  ///< By rendition, as DvrPast counts them; one beyond the end: a gap.

  MediaTime end() const { return start + playlist::from_printed(duration); }
  /// The rendition's; the views live as long as this does.
  playlist::Segment segment(std::size_t rendition) const;
};

/// Some segments as a text that stays the same for as long as they are listed.
class DvrBlock {
 public:
  /// `last_mapped`: the newest slot before them that has an init segment, and then of them all.
  DvrBlock(std::vector<std::shared_ptr<const DvrSlot>> slots, std::size_t rendition,
           std::shared_ptr<const DvrSlot>& last_mapped);

  /// Rendered by the first who asks. Any thread.
  const std::shared_ptr<const PlaylistPiece>& piece() const;
  /// Where it is the first that is listed: its init segment, that the text leaves to those before.
  playlist::Map unsaid_map() const;
  playlist::Map map_behind() const;

 private:
  const std::vector<std::shared_ptr<const DvrSlot>> slots_;
  const std::size_t rendition_;
  const std::shared_ptr<const DvrSlot> mapped_before_;
  const std::shared_ptr<const DvrSlot> mapped_behind_;
  mutable std::once_flag once_;
  mutable std::shared_ptr<const PlaylistPiece> piece_;
};

/// What one rendition's playlist begins with.
struct DvrListing {
  std::vector<std::shared_ptr<const DvrBlock>> blocks;
  std::vector<std::shared_ptr<const DvrSlot>> loose;  ///< Behind the blocks.
  std::size_t rendition = 0;                          ///< Of DvrSlot::lines.
  std::uint64_t count = 0;                            ///< In both.
  std::uint64_t in_blocks = 0;
  std::uint64_t discontinuities = 0;
  bool has_independent_segments = true;
  /// EXT-X-TARGETDURATION is no less.
  std::uint64_t least_target_seconds = 0;
};

class DvrPast {
 public:
  /// Segments in a block; they leave playlists together.
  static constexpr std::size_t kBlock = 32;

  explicit DvrPast(std::chrono::nanoseconds window) : window_(window) {}

  /// What was on disk at the start. Once, before anything else.
  void load(const std::vector<DvrFound>& found);

  /// The rendition's place in DvrSlot::lines. `kind` is that of its media.
  std::size_t rendition(std::string_view name, MediaKind kind);
  /// A segment has left the live windows.
  void add(DvrSlot slot);
  /// What is older than the window, or no longer on disk, leaves the playlists, and then this.
  /// `newest`: where the live edge is. Whether playlists change.
  bool trim(MediaTime newest);

  bool is_empty() const { return slots_.empty(); }
  DvrListing list(std::size_t rendition);

  struct Media {
    std::shared_ptr<const DvrPlace> place;
    MediaKind kind = MediaKind::kVideo;
  };
  /// Null where there is none. Those that no playlist lists any more are found as well.
  std::optional<Media> find_segment(std::string_view rendition, std::string_view start_id,
                                    SegmentNumber number) const;
  std::optional<Media> find_init(std::string_view rendition, std::string_view start_id,
                                 SegmentNumber map) const;

 private:
  struct Rendition {
    std::string name;
    MediaKind kind = MediaKind::kVideo;
    std::deque<std::shared_ptr<const DvrBlock>> blocks;  ///< The first listed, as far as asked for.
    std::shared_ptr<const DvrSlot> last_mapped;          ///< In them, or before.
  };
  /// Slots of one start of the server, one behind the other.
  struct Era {
    std::shared_ptr<const std::string> start_id;
    std::size_t slots = 0;
  };
  using Slots = std::deque<std::shared_ptr<const DvrSlot>>;

  void fill_hole(const DvrSlot& next);
  void push(DvrSlot slot);
  std::size_t listed_count() const { return slots_.size() - unlisted_; }
  std::optional<std::size_t> find_rendition(std::string_view name) const;
  /// The first slot of that start whose number is no less, and where the start's slots end.
  std::pair<Slots::const_iterator, Slots::const_iterator> find_from(std::string_view start_id,
                                                                    SegmentNumber number) const;

  const std::chrono::nanoseconds window_;
  std::vector<Rendition> renditions_;
  Slots slots_;
  std::deque<Era> eras_;
  std::size_t unlisted_ = 0;           ///< How many of the first slots are not listed any more.
  std::uint64_t discontinuities_ = 0;  ///< In those that are listed.
  playlist::PrintedTime longest_ = 0;
  bool has_independent_segments_ = true;
};

}  // namespace millrace::hls
