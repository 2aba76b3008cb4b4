#pragma once
// What a channel's playlists with ?dvr list before the live window, and vod.m3u8 of a finished
// show: the segments on disk, the same in every rendition, what one has not as a gap. They come
// from the live window, or from an earlier start of the server, whose numbers need not join on: in
// the playlist with ?dvr, they count backwards from the live window's first.
//
// No thread of its own: the channel's lock is held for every call, but for what a DvrListing has.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
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
#include "media/cmaf_chunk.h"

namespace millrace::hls {

/// One rendition's of a segment.
struct DvrLine {
  MediaTime start{};
  playlist::PrintedTime duration = 0;
  SegmentNumber map = 0;
  bool is_independent = true;
  std::shared_ptr<const DvrPlace> place;    ///< Null: a gap.
  std::shared_ptr<const InitSegment> init;  ///< Its bytes need not be there. Null: not known.
};

/// A segment of all renditions. Immutable.
struct DvrSlot {
  std::shared_ptr<const std::string> start_id;
  SegmentNumber number = 0;
  SegmentNumber show = 0;  ///< The first number of its show.
  MediaTime start{};
  playlist::PrintedTime duration = 0;
  bool starts_discontinuity = false;
  bool has_captions = false;
  std::vector<DvrLine> lines;  ///< By rendition, as DvrPast counts them; one beyond the end: a gap.

  MediaTime end() const { return start + playlist::from_printed(duration); }
  /// The rendition's; the views live as long as this does.
  playlist::Segment segment(std::size_t rendition) const;
};

/// Some segments as a text that stays the same for as long as they are listed.
class DvrBlock {
 public:
  /// `last_mapped`: the newest slot before them whose init segment was named, and then of them all.
  DvrBlock(std::vector<std::shared_ptr<const DvrSlot>> slots, std::size_t rendition,
           std::shared_ptr<const DvrSlot>& last_mapped);

  /// Rendered by the first who asks. Any thread.
  const std::shared_ptr<const PlaylistPiece>& piece() const;
  /// Whether that has happened, and it has been compressed too. Any thread.
  bool is_made(bool is_compressed) const {
    return is_rendered_.load(std::memory_order_acquire) &&
           (!is_compressed || piece_->is_deflated());
  }
  /// Whether any of them has an init segment; where none has, the text says nothing of any.
  bool has_maps() const { return mapped_behind_ != mapped_before_; }
  /// Where it is the first listed one of which that is so: its init segment, that the text leaves
  /// to those before.
  playlist::Map unsaid_map() const;
  playlist::Map map_behind() const;

 private:
  const std::vector<std::shared_ptr<const DvrSlot>> slots_;
  const std::size_t rendition_;
  const std::shared_ptr<const DvrSlot> mapped_before_;
  const std::shared_ptr<const DvrSlot> mapped_behind_;
  mutable std::once_flag once_;
  mutable std::atomic<bool> is_rendered_ = false;
  mutable std::shared_ptr<const PlaylistPiece> piece_;
};

/// What one rendition's playlist begins with, or all of it.
struct DvrListing {
  std::vector<std::shared_ptr<const DvrSlot>> front;  ///< Before the blocks; fewer than a block.
  std::vector<std::shared_ptr<const DvrBlock>> blocks;
  std::vector<std::shared_ptr<const DvrSlot>> loose;  ///< Behind the blocks; some of any show.
  std::size_t rendition = 0;                          ///< Of DvrSlot::lines.
  std::uint64_t count = 0;                            ///< In all three.
  SegmentNumber first = 0;                            ///< The number of the first of them.
  std::uint64_t discontinuities = 0;                  ///< Likewise; of a show not counted.
  bool has_independent_segments = true;
  /// EXT-X-TARGETDURATION is no less.
  std::uint64_t least_target_seconds = 0;

  /// Whether so much of it is there as text, or as gzip, that an event loop can make the rest.
  bool is_made(bool is_compressed) const;
};

/// A finished show, as its multivariant playlist tells it.
struct DvrShow {
  std::string start_id;
  SegmentNumber first = 0;  ///< The first segment that its playlists list.
  bool has_captions = false;
  struct Rendition {
    std::string name;
    std::vector<std::string> codecs;  ///< Each once, as they came.
    std::int64_t peak = 0;            ///< Bits per second.
    std::int64_t average = 0;
    std::shared_ptr<const InitSegment> init;  ///< The newest.
  };
  /// Those that have nearly all of the show: a rung on demand that nobody watched has only gaps.
  std::vector<Rendition> renditions;
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
  /// A segment of a finished show, which the live windows have too: vod.m3u8 lists it at once,
  /// playlists with ?dvr from release() on. All of them in order, before any further add().
  void add_ahead(DvrSlot slot);
  /// The first of those, if it is this one, has left the live windows.
  void release(SegmentNumber number);
  /// What is older than the window, or no longer on disk, leaves the playlists, and then this; so
  /// does a block of gaps once it is the first.
  /// `newest`: where the live edge is. Whether anything has gone.
  bool trim(MediaTime newest);

  /// Nor is there anything that is not listed yet, or no longer.
  bool is_empty() const { return slots_.empty(); }
  bool lists_any() const { return listed_count() > 0; }
  DvrListing list(std::size_t rendition);

  /// The newest show of which anything is listed, but for `on_air` of the start `start_id`.
  std::optional<DvrShow> last_show(std::string_view start_id, SegmentNumber on_air) const;
  /// From that segment to the end of its show, as long as all of it is there. The rendition by its
  /// name. Nothing for one that is on air, as above.
  std::optional<DvrListing> list_show(std::string_view rendition, std::string_view of_start,
                                      SegmentNumber first, std::string_view start_id,
                                      SegmentNumber on_air);

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
    std::deque<std::shared_ptr<const DvrBlock>> blocks;  ///< From the first slot, as far as asked
                                                         ///< for.
    std::shared_ptr<const DvrSlot> last_mapped;          ///< In them, or before.
  };
  /// What a show has in a rendition.
  struct Tally {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
    playlist::PrintedTime duration = 0;
    std::int64_t peak = 0;
    std::vector<std::string> codecs;
    std::shared_ptr<const InitSegment> init;
  };
  /// Slots of one show, one behind the other. What is counted stays when its first ones go.
  struct Show {
    std::shared_ptr<const std::string> start_id;
    SegmentNumber number = 0;  ///< Its first.
    std::size_t slots = 0;
    playlist::PrintedTime longest = 0;
    bool has_independent_segments = true;
    bool has_captions = false;
    std::vector<Tally> renditions;

    bool is(std::string_view its_start, SegmentNumber its_number) const {
      return number == its_number && *start_id == its_start;
    }
  };
  using Slots = std::deque<std::shared_ptr<const DvrSlot>>;
  using Range = std::pair<Slots::const_iterator, Slots::const_iterator>;

  void load_start(std::map<SegmentNumber, DvrSlot>&& slots);
  /// False where it is too large.
  bool fill_hole(const DvrSlot& next);
  void push(DvrSlot slot);
  static void count_in(Show& show, const DvrSlot& slot);
  std::size_t listed_count() const { return slots_.size() - unlisted_ - ahead_; }
  std::optional<std::size_t> find_rendition(std::string_view name) const;
  /// The first slot of that start whose number is no less, and where the start's slots end.
  Range find_from(std::string_view start_id, SegmentNumber number) const;
  /// Slots by their places, of which those before the block `last_block` are in blocks.
  DvrListing list(std::size_t rendition, std::size_t first, std::size_t last,
                  std::size_t last_block);

  const std::chrono::nanoseconds window_;
  std::vector<Rendition> renditions_;
  Slots slots_;
  std::deque<Show> shows_;
  std::size_t unlisted_ = 0;           ///< How many of the first slots are not listed any more.
  std::size_t ahead_ = 0;              ///< How many of the last ones are not listed yet.
  std::uint64_t discontinuities_ = 0;  ///< In those that are listed.
  playlist::PrintedTime longest_ = 0;
  bool has_independent_segments_ = true;
};

}  // namespace millrace::hls
