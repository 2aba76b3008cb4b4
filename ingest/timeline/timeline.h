#pragma once
// The channel's clock and segment boundaries: ingest.h's Timeline.
//
// Thread: the channel's loop. A source goes through two states: kProbing, in which its packets are
// held until its tracks and frame rate are known, and kRunning.
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/timeline/audio_clock.h"
#include "ingest/timeline/segmenter.h"
#include "ingest/timeline/video_clock.h"

namespace millrace::ingest {

class ChannelTimeline final : public Timeline {
 public:
  ChannelTimeline(TimelineOptions options, Sink<EncodedPacket>& packets, TimelineEvents& events,
                  Metrics& metrics, const Clock& clock);

  void begin_source(const Announcement& announcement) override;
  Status push(SourcePacket packet) override;
  Status end_source() override;
  Status tick() override;

 private:
  enum class State { kIdle, kProbing, kRunning };

  enum class Offset { kKeepIfNearWallClock, kFromWallClock };

  Status probe(SourcePacket packet);
  bool is_probe_complete() const;
  Status start_running();
  void choose_offset();
  void start_video();
  void start_audio();
  Status run(SourcePacket packet);
  Status run_video(SourcePacket packet);
  Status emit_video(EncodedPacket packet);
  Status run_audio(SourcePacket packet);
  Status release_audio();
  Status emit_audio(EncodedPacket packet);
  Status flush();
  void restart_probe(Offset offset, std::string_view why);
  bool is_source_jump(const SourcePacket& packet) const;
  bool is_new_track(const SourcePacket& packet) const;
  EncodedPacket on_channel_clock(SourcePacket packet) const;
  void watch_drift(MediaTime channel_dts);
  void announce_segment(const SegmentStart& segment);
  void tell_target();
  bool audio_paces() const { return !video_track_ || video_is_silent_; }
  bool is_video_late() const;
  void count(std::string_view event, int by = 1);

  TimelineOptions options_;
  Sink<EncodedPacket>& packets_;
  TimelineEvents& events_;
  Metrics& metrics_;
  const Clock& clock_;

  State state_ = State::kIdle;
  Announcement announcement_;
  Segmenter segmenter_;
  bool target_told_ = false;
  bool captions_told_ = false;

  // Probing.
  std::deque<SourcePacket> probed_;
  std::size_t probed_bytes_ = 0;
  std::size_t probed_video_frames_ = 0;
  std::size_t probed_key_frames_ = 0;
  std::chrono::steady_clock::time_point probe_began_;
  std::chrono::nanoseconds probe_began_wall_{};

  // The source: offset from its clock to the channel's, and its tracks as handed on.
  Offset offset_rule_ = Offset::kFromWallClock;
  MediaTime offset_{};
  std::optional<MediaTime> newest_source_dts_;
  std::shared_ptr<const TrackInfo> source_video_;
  std::shared_ptr<const TrackInfo> source_audio_;
  std::shared_ptr<const TrackInfo> video_track_;
  std::shared_ptr<const TrackInfo> audio_track_;
  std::optional<VideoClock> video_clock_;
  std::optional<AudioClock> audio_clock_;
  int counted_skips_ = 0;
  int counted_fills_ = 0;
  int counted_audio_drops_ = 0;
  bool video_waits_for_key_frame_ = true;
  bool video_is_silent_ = false;  ///< Video stopped; segments go on by audio.
  std::optional<MediaTime> composition_delay_;
  std::optional<MediaTime> newest_video_dts_;
  std::chrono::steady_clock::time_point last_video_at_;

  // Audio that is ahead of the picture, and the boundaries that it has not reached.
  std::deque<EncodedPacket> waiting_audio_;
  std::deque<SegmentStart> audio_boundaries_;
  std::vector<EncodedPacket> placed_audio_;
  bool audio_is_released_ = false;
  bool audio_has_opened_ = false;
  std::chrono::steady_clock::time_point last_audio_at_;
  MediaTime channel_end_{};  ///< No packet of any source ends later.

  // Lateness of arrival against the channel clock: least of the running window, and of the first.
  std::optional<MediaTime> window_lateness_;
  std::optional<MediaTime> first_lateness_;
  std::chrono::steady_clock::time_point window_began_;
  bool has_drifted_ = false;
};

}  // namespace millrace::ingest
