#pragma once
// The windows of one channel's renditions, which list the same segments under the same numbers
// (rfc8216bis 6.2.4): what one has no media for is a gap in it.
//
// No thread of its own: the channel's lock is held for every call.
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "hls/bandwidth.h"
#include "hls/dvr/dvr_past.h"
#include "hls/hls.h"
#include "hls/playlist/multivariant_playlist.h"
#include "hls/playlist_snapshot.h"
#include "hls/segment_window.h"

namespace millrace::hls {

class ChannelWindows {
 public:
  using TimePoint = SegmentWindow::TimePoint;

  struct Rendition {
    RenditionOptions options;
    Bandwidth bandwidth;
    Counter parts;
    Counter segments;
    Counter gaps;
    std::optional<SegmentWindow>
        window;                   ///< None before the first segment, and when all have gone.
    bool has_held_media = false;  ///< The open segment is a held picture's.
    std::uint64_t next_part = 0;  ///< For the next window: URIs are never used twice.
    std::uint64_t version = 0;    ///< Rises with every change of its playlist.
    bool is_active = false;       ///< The publisher of now has it.
    bool is_announced = false;    ///< Added for the publisher that is coming.
    bool is_resting = true;       ///< Has no media for now.
    bool is_refused = false;      ///< And will have none, whoever asks.
    SegmentNumber awaited = 0;    ///< It was idle, and catches up to this segment; 0: it does not.
    SegmentNumber shown = 0;      ///< The newest segment in a playlist that somebody has got.
    SegmentNumber promised = 0;  ///< The first that was promised when it was last awaited; 0: none.
    SegmentNumber promised_at = 0;  ///< What was open then.
    /// What has come of the segment that is promised next.
    struct Coming {
      SegmentNumber number = 0;
      MediaTime end{};
      std::vector<Bytes> chunks = {};
    } coming = {};
  };

  ChannelWindows(std::string channel, MediaTime window, std::uint64_t discontinuity_sequence,
                 Metrics& metrics);

  /// What leaves the windows is listed in playlists with ?dvr, and complete segments are to be
  /// written to disk from now on. Before the first segment.
  void keep_past(std::unique_ptr<DvrPast> past, const std::string& start_id);
  /// Null: there are no such playlists.
  DvrPast* past() { return past_.get(); }
  const DvrPast* past() const { return past_.get(); }
  bool lists_past() const { return past_ && past_->lists_any(); }
  /// Of the shows on disk the one that ended last; and its playlist, or that of an earlier one, by
  /// the start and the number of its first segment. Nothing where there is none.
  std::optional<DvrShow> last_show() const;
  std::optional<DvrListing> list_show(std::string_view rendition, std::string_view of_start,
                                      SegmentNumber first);
  /// What is to be written, oldest first.
  std::vector<DvrJob> take_jobs() { return std::exchange(jobs_, {}); }
  /// Of the first segment's. Before it.
  void set_discontinuity_sequence(std::uint64_t first) { discontinuity_sequence_ = first; }

  /// The rendition of that name, made where it is missing. It is never destroyed.
  Rendition& add_rendition(RenditionOptions options);
  void renditions_complete(TimePoint now);
  /// Segments with media that comes meanwhile do not count in the bandwidth.
  void set_holding(bool is_holding) { is_holding_ = is_holding; }
  void declare_closed_captions();
  void promise_target_duration(MediaTime target);
  void open_segment(SegmentNumber number, MediaTime start, bool starts_discontinuity,
                    TimePoint now);
  /// False for a part that comes too late: its segment is closed. kInvalidData: of a segment that
  /// was not opened.
  Result<bool> push(Rendition& rendition, CmafChunk chunk, TimePoint now);
  /// The rendition has no media for now.
  void rest(Rendition& rendition, TimePoint now);
  /// It is idle, and somebody wants it. It is to catch up from the first segment that ends within
  /// `depth` of what is open now, as far as nobody has been told that there is a gap. `promises`:
  /// all but the segment before the open one may come later, by keep_promise(); not where they go
  /// to disk, which wants them in their order.
  void await(Rendition& rendition, MediaTime depth, bool promises, TimePoint now);
  /// A part of a segment that was promised, one after the other; of others they are passed over.
  /// Whether that segment has all of its media now.
  bool keep_promise(Rendition& rendition, CmafChunk chunk);
  /// What is promised still will not come; whether there was any.
  bool break_promises(Rendition& rendition);
  /// Whether nothing will come.
  void refuse(Rendition& rendition, bool is_refused, TimePoint now);
  /// Nothing came.
  void give_up(Rendition& rendition, TimePoint now);
  void end(TimePoint now);
  /// Lets go of what nobody can ask for any more. `wall_now`: since the Unix epoch. Whether
  /// anything of what is on disk was let go.
  bool tick(TimePoint now, std::chrono::nanoseconds wall_now);
  /// Windows shrink to what the specification wants, whatever the options say; the segments that
  /// went.
  std::size_t shrink(TimePoint now);

  std::vector<std::unique_ptr<Rendition>>& renditions() { return renditions_; }
  const std::vector<std::unique_ptr<Rendition>>& renditions() const { return renditions_; }
  /// Null where there is none with a window.
  Rendition* find(std::string_view name);

  /// Playlists are served: the target duration is promised, and the renditions' init segments are
  /// there or have been waited for.
  bool is_ready(TimePoint now) const;
  /// Its playlist can be rendered.
  bool is_servable(const Rendition& rendition) const;
  /// The multivariant playlist has it.
  bool is_offered(const Rendition& rendition) const;
  /// It has a playlist: it is servable, or idle from the start.
  bool is_listed(const Rendition& rendition) const;
  /// It rests since nobody asks for it, while others have media; or it catches up.
  bool is_idle(const Rendition& rendition) const;
  /// What it is, or will be once it is asked for. Not null where is_listed().
  const std::shared_ptr<const InitSegment>& init_of(const Rendition& rendition) const;
  /// What who wants an idle rendition waits for: its first part in what is open now. Not before a
  /// segment has opened.
  PlaylistPosition open_position() const { return {opened_.back().number, 0}; }
  /// Of the rendition that has come farthest; what an idle one would have.
  PlaylistEdge newest_edge() const;
  bool has_ended() const { return has_ended_; }
  std::uint64_t target_seconds() const { return target_seconds_; }
  /// Of all media in memory.
  std::size_t bytes() const { return bytes_; }
  playlist::ClosedCaptions closed_captions() const { return closed_captions_; }
  bool has_captions() const { return closed_captions_ != playlist::ClosedCaptions::kNone; }
  /// Rises with every change of the multivariant playlist.
  std::uint64_t multivariant_version() const { return multivariant_version_; }

  /// What a snapshot of the rendition's playlist begins with.
  PlaylistHeader header(const Rendition& rendition, const std::string& start_id) const;

 private:
  struct OpenedSegment {
    SegmentNumber number = 0;
    MediaTime start{};
    bool starts_discontinuity = false;
  };

  void begin_window(Rendition& rendition, TimePoint now);
  void begin_show(SegmentNumber first, TimePoint now);
  void settle(Rendition& rendition, TimePoint now);
  bool is_over(const Rendition& rendition) const;
  void finish_segment(Rendition& rendition, TimePoint now);
  void complete(Rendition& rendition, TimePoint now);
  const OpenedSegment* find_opened(SegmentNumber number) const;
  MediaTime end_of(SegmentNumber number) const;
  std::size_t trim(MediaTime least, TimePoint now);
  bool may_lose_first(MediaTime least) const;
  void unlist_first(TimePoint now);
  void keep_first();
  void keep_ended();
  DvrSlot slot_of(const OpenedSegment& opened);
  void drop_unused(TimePoint now);
  void changed(Rendition& rendition);
  void all_changed();
  void update_bandwidth(Rendition& rendition, bool is_segment, std::size_t bytes,
                        MediaTime duration);
  MediaTime promised() const { return std::chrono::seconds(target_seconds_); }

  const std::string channel_;
  const MediaTime window_;
  Metrics& metrics_;
  std::vector<std::unique_ptr<Rendition>> renditions_;
  std::deque<OpenedSegment> opened_;  ///< From the first that is listed on.
  std::uint64_t discontinuity_sequence_;
  std::uint64_t target_seconds_ = 0;  ///< 0: not promised yet.
  std::optional<TimePoint> complete_since_;
  bool has_ended_ = false;
  bool is_holding_ = false;
  TimePoint ended_until_;  ///< Then the windows go.
  std::size_t bytes_ = 0;
  playlist::ClosedCaptions closed_captions_ = playlist::ClosedCaptions::kNone;
  std::uint64_t multivariant_version_ = 0;
  std::unique_ptr<DvrPast> past_;
  std::shared_ptr<const std::string> start_id_;  ///< Where there is a past.
  std::vector<DvrJob> jobs_;                     ///< Taken after each call.
  MediaTime newest_start_{};                     ///< Of all segments so far.
  SegmentNumber on_air_ = 0;  ///< The show whose segments are not all in past_: its first.
};

}  // namespace millrace::hls
