#pragma once
// What a source sends until its tracks and its frame rate are known.
//
// The channel's loop. Times are the source's.
#include <deque>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

/// The video track that decides; the others follow it.
inline bool is_main_video(const SourcePacket& packet) {
  return packet.track->kind == MediaKind::kVideo && packet.track->index == 0;
}

class SourceProbe {
 public:
  explicit SourceProbe(const Clock& clock) : clock_(clock) {}

  /// What is held is dropped. Tracks that were known are waited for, new_source() ends that.
  void restart();
  void new_source();
  /// Empty, or the event by whose name the packet was dropped.
  std::string_view add(SourcePacket packet);
  /// Whether enough is known, or will not come any more.
  bool is_complete(const Announcement& announcement) const;

  bool empty() const { return packets_.empty(); }
  /// Of what is held at most: what comes behind is dropped.
  bool is_full() const;
  bool has_audio() const;
  const std::deque<SourcePacket>& packets() const { return packets_; }
  /// What was held; nothing is any more, and tracks that were not among it are not known any more.
  std::deque<SourcePacket> take();
  std::size_t video_frames() const { return video_frames_; }  ///< Of the main track.
  /// With a track; null where there is none.
  const SourcePacket* first_of(MediaKind kind, int index) const;
  /// Decoding times of a track's packets.
  std::vector<MediaTime> times_of(MediaKind kind, int index) const;
  /// The tracks of `kind` that were seen, by their index.
  std::vector<std::shared_ptr<const TrackInfo>> tracks(MediaKind kind) const;

  std::chrono::steady_clock::time_point began() const { return began_; }
  std::chrono::nanoseconds began_wall() const { return began_wall_; }

 private:
  const Clock& clock_;
  std::deque<SourcePacket> packets_;
  std::size_t bytes_ = 0;
  std::size_t video_frames_ = 0;
  std::size_t key_frames_ = 0;
  std::set<std::pair<MediaKind, int>> seen_;   ///< In what is held.
  std::set<std::pair<MediaKind, int>> known_;  ///< Of the source so far.
  std::chrono::steady_clock::time_point began_;
  std::chrono::nanoseconds began_wall_{};
};

}  // namespace millrace::ingest
