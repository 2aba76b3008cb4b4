#pragma once
// One audio track behind the timeline's clock: on the exact grid of its samples, waiting for the
// picture, and marked with the segments that it opens.
//
// The channel's loop. Times are the channel's.
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/timeline/audio_clock.h"

namespace millrace::ingest {

class AudioLine {
 public:
  /// What placing packets did to the source's.
  struct Repairs {
    int filled = 0;
    int dropped = 0;
  };

  /// `track` is handed on, `source` is what packets of it come with.
  AudioLine(std::shared_ptr<const TrackInfo> track, std::shared_ptr<const TrackInfo> source)
      : track_(std::move(track)), source_(std::move(source)), clock_(*track_) {}

  int index() const { return track_->index; }
  const std::shared_ptr<const TrackInfo>& track() const { return track_; }
  const std::shared_ptr<const TrackInfo>& source() const { return source_; }

  /// Puts a packet of the source behind what waits, with silence where the source left out some.
  Repairs place(EncodedPacket packet);
  /// One that lies on the grid already.
  void add(EncodedPacket packet) { waiting_.push_back(std::move(packet)); }
  /// Silence up to `end` behind what was placed.
  void pad(MediaTime end);

  std::size_t waiting() const { return waiting_.size(); }
  /// When what waits first is shown; something waits.
  MediaTime next_at() const { return waiting_.front().pts; }
  MediaTime next_duration() const { return waiting_.front().duration; }
  /// Takes the first one that waits, with its marks; nothing: it lies before the first segment.
  std::optional<EncodedPacket> take();

  /// A segment that the line has not reached yet.
  void expect(const SegmentStart& segment);
  bool has_opened() const { return has_opened_; }
  /// Of the newest packet taken.
  MediaTime end() const { return end_; }

 private:
  std::shared_ptr<const TrackInfo> track_;
  std::shared_ptr<const TrackInfo> source_;
  AudioClock clock_;
  Repairs reported_;
  std::vector<EncodedPacket> placed_;
  std::deque<EncodedPacket> waiting_;
  std::deque<SegmentStart> boundaries_;
  bool has_opened_ = false;
  MediaTime end_{};
};

}  // namespace millrace::ingest
