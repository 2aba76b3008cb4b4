#pragma once
// One rendition's media: the segments that its playlist lists, the one that is being filled, and
// those that have left the playlist and can still be fetched (design.md §6).
//
// No thread of its own: the channel's lock is held for every call.
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "hls/blocking_reload.h"
#include "hls/dvr/dvr_place.h"
#include "hls/playlist/media_playlist.h"
#include "media/cmaf_chunk.h"

namespace millrace::hls {

/// A segment as its playlist has it, with its media. Immutable once it is complete.
struct WindowSegment {
  playlist::Segment line;
  std::vector<Bytes> parts;  ///< As many as line.parts; of one that was promised its chunks.
  std::size_t bytes = 0;
  std::shared_ptr<const DvrPlace> place{};  ///< On disk, or on the way there; null: nowhere.
  bool is_promised = false;                 ///< It has no media yet, but will.
};

class SegmentWindow {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `first`: the number that it begins with. `first_part`: what the first part's URI counts; no
  /// earlier window of the rendition has used it.
  SegmentWindow(SegmentNumber first, std::uint64_t first_part) : next_part_(first_part) {
    open_.line.number = first;
  }

  /// The segment that is being filled; all before it are complete.
  SegmentNumber open_number() const { return open_.line.number; }
  bool has_open_parts() const { return !open_.parts.empty(); }
  /// Where the newest part of the open segment ends.
  MediaTime open_end() const { return open_end_; }
  /// Of the running segment: the next part's place in URIs.
  std::uint64_t next_part() const { return next_part_; }

  /// What its media will be, until the first chunk says what it is.
  void announce(std::shared_ptr<const InitSegment> init);
  /// Numbers go on from here. Nothing is listed, and no segment has begun.
  void begin_at(SegmentNumber number);
  /// The open segment's next part.
  void append(CmafChunk chunk, bool starts_discontinuity);
  /// The open segment has all its parts. `place`: where it is kept, too. `until`: where the rest of
  /// it is missing, and the segment is a gap although some of its parts are there.
  void complete(TimePoint now, std::shared_ptr<const DvrPlace> place = nullptr);
  void complete_as_gap(MediaTime until, TimePoint now);
  /// The open segment, which has no part, stays without media.
  void skip(MediaTime start, MediaTime duration, bool starts_discontinuity, TimePoint now);

  /// The open segment, which has no part, is listed by its length alone: its media comes later, and
  /// who asks for it waits.
  void promise(MediaTime start, MediaTime duration, bool starts_discontinuity, TimePoint now);
  bool has_promises() const { return promises_ > 0; }
  bool is_promised(SegmentNumber number) const;
  /// All media of one that is promised.
  void keep_promise(SegmentNumber number, std::vector<Bytes> chunks);
  /// What is promised still are gaps now; how many.
  std::size_t break_promises();

  /// The newest `count` listed segments, or as many of them as have no media, are filled after all:
  /// the first of them is the open one. None of them is in a playlist that anybody has got.
  void reopen(std::size_t count);

  bool is_empty() const { return listed_.empty() && !has_open_parts(); }
  /// Complete segments in the playlist.
  std::size_t listed_count() const { return listed_.size(); }
  const WindowSegment& listed(std::size_t index) const { return *listed_[index].segment; }
  std::shared_ptr<const WindowSegment> share_listed(std::size_t index) const {
    return listed_[index].segment;
  }
  const WindowSegment& open() const { return open_; }
  playlist::PrintedTime listed_duration() const { return listed_duration_; }
  bool has_media() const;
  /// Every segment so far began with a random access picture.
  bool has_independent_segments() const { return has_independent_segments_; }
  /// Where is_empty(): as if the segment before the open one were listed.
  PlaylistEdge edge() const;
  /// The newest part as rendition reports of other playlists name it: while it is the first of its
  /// segment, the part before. hls.js (1.7) takes LAST-PART=0 for a missing attribute and asks for
  /// the end of the segment: its viewer would stand for two seconds at a switch. The report stays
  /// within one part of the truth, and who asks for the part behind it is answered at once.
  PlaylistPosition reported_part() const;

  /// The first segment leaves the playlist. It stays fetchable as PT-13 and SEG-02 say: its parts
  /// for three target durations, itself until it was there for its own duration and that of the
  /// longest playlist that listed it.
  void unlist_first(TimePoint now, std::chrono::nanoseconds target_duration);
  /// Drops what nobody can ask for any more; the bytes that this frees.
  std::size_t let_go(TimePoint now);
  /// Drops everything.
  std::size_t clear();

  /// Empty where there is none (any more).
  Bytes find_part(std::uint64_t counter) const;
  std::vector<Bytes> find_segment(SegmentNumber number) const;
  Bytes find_init(SegmentNumber number) const;
  /// A segment that is, or was, in the playlist, be it a gap; null where there is none (any more).
  std::shared_ptr<const WindowSegment> find_complete(SegmentNumber number) const;
  std::shared_ptr<const InitSegment> share_init(SegmentNumber number) const;
  /// The newest, or the announced one; null where there is neither.
  const std::shared_ptr<const InitSegment>& init() const { return init_; }

 private:
  struct Entry {
    std::shared_ptr<const WindowSegment> segment;
    TimePoint at;  ///< Listed since; for what has left the playlist: fetchable until.
  };

  void close(TimePoint now);
  void forget_inits();
  void fill(MediaTime start, MediaTime duration, bool starts_discontinuity);
  /// A copy of it, which takes its place.
  template <typename Change>
  void replace(std::shared_ptr<const WindowSegment>& segment, const Change& change);
  template <typename Visitor>
  void each_promised(const Visitor& visit);

  std::deque<Entry> kept_;    ///< Have left the playlist.
  std::deque<Entry> listed_;  ///< Oldest first.
  WindowSegment open_;
  MediaTime open_end_{};
  std::uint64_t next_part_;
  std::shared_ptr<const InitSegment> init_;
  bool is_announced_ = false;  ///< No chunk has had it.
  SegmentNumber map_ = 0;      ///< From which segment on `init_` holds.
  std::map<SegmentNumber, std::shared_ptr<const InitSegment>> inits_;
  playlist::PrintedTime listed_duration_ = 0;
  playlist::PrintedTime longest_playlist_ = 0;
  bool has_independent_segments_ = true;
  std::size_t promises_ = 0;  ///< Of what is listed or kept.
};

}  // namespace millrace::hls
