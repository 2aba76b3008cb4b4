#pragma once
// A ready-made rung: a further video track of the source, which must cut where the main one does.
//
// Its pictures wait until the main track has decided about their time. A segment opens with the
// picture that is shown within half a frame of the main track's, and is a key frame where that is;
// where there is none the rung has a gap, up to the next segment that it does open.
//
// The channel's loop. Times are the channel's.
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "ingest/ingest.h"
#include "ingest/timeline/video_clock.h"

namespace millrace::ingest {

class RungLine {
 public:
  /// Past it the rung is dropped up to the next segment: so much waits for a main track that
  /// stands.
  static constexpr std::size_t kMaxWaiting = 300;
  static constexpr std::size_t kMaxWaitingBytes = 16 * 1024 * 1024;

  /// `track` is handed on, `source` is what packets of it come with.
  RungLine(std::shared_ptr<const TrackInfo> track, std::shared_ptr<const TrackInfo> source,
           VideoClock clock)
      : track_(std::move(track)), source_(std::move(source)), clock_(std::move(clock)) {}

  int index() const { return track_->index; }
  const std::shared_ptr<const TrackInfo>& track() const { return track_; }
  const std::shared_ptr<const TrackInfo>& source() const { return source_; }

  /// Whether `dts` does not continue what was placed: then a new clock comes first.
  bool is_jump(MediaTime dts) const { return clock_.is_jump(dts); }
  void begin_anew(VideoClock clock);
  void place(EncodedPacket packet);
  /// The main track opens a segment; `with_key_frame`: at a key frame.
  void expect(const SegmentStart& segment, bool with_key_frame);
  /// The next picture that is shown up to `decided`, with its marks.
  std::optional<EncodedPacket> take(MediaTime decided);
  /// Nothing follows: what waits can be taken.
  void flush();
  /// Pictures dropped since the last call, and segments that could not be opened.
  struct Losses {
    int pictures = 0;
    int segments = 0;
  };
  Losses losses() { return std::exchange(losses_, {}); }

 private:
  struct Boundary {
    SegmentStart segment;
    bool with_key_frame = false;
  };

  void add(EncodedPacket packet);
  bool mark(EncodedPacket& packet, MediaTime shown);
  void drop_waiting();

  std::shared_ptr<const TrackInfo> track_;
  std::shared_ptr<const TrackInfo> source_;
  VideoClock clock_;
  std::deque<EncodedPacket> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::deque<Boundary> boundaries_;
  std::optional<MediaTime> composition_delay_;  ///< Of its first key frame.
  bool follows_hole_ = false;
  bool is_dropping_ = true;  ///< Up to a segment that it opens.
  Losses losses_;
};

}  // namespace millrace::ingest
