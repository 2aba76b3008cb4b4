#pragma once
// The channel's clock and segment boundaries: ingest.h's Timeline.
//
// Thread: the channel's loop. A source goes through two states: kProbing, in which its packets are
// held until its tracks and frame rate are known, and kRunning. Beside them a fill may run, which
// ends when a source begins to run.
#include <memory>
#include <optional>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/timeline/audio_line.h"
#include "ingest/timeline/fill_source.h"
#include "ingest/timeline/rung_line.h"
#include "ingest/timeline/segmenter.h"
#include "ingest/timeline/source_probe.h"
#include "ingest/timeline/track_aligner.h"
#include "ingest/timeline/video_clock.h"

namespace millrace::ingest {

class ChannelTimeline final : public Timeline {
 public:
  ChannelTimeline(TimelineOptions options, Sink<EncodedPacket>& packets, TimelineEvents& events,
                  Metrics& metrics, const Clock& clock);

  void begin_source(const Announcement& announcement) override;
  Status push(SourcePacket packet) override;
  Status end_source() override;
  Status suspend_source() override;
  Status begin_fill(FillVideo video) override;
  Status end_fill() override;
  Status tick() override;

 private:
  enum class State { kIdle, kProbing, kRunning };

  /// What the source begins with, by its own clock.
  struct Opening {
    MediaTime dts{};
    MediaTime pts{};
  };
  enum class Offset { kKeepIfNearWallClock, kFromWallClock };

  Status fill();
  Status resume(SourcePacket packet);
  Status fill_until(MediaTime until);
  std::optional<Opening> first_unfilled() const;
  Status probe(SourcePacket packet);
  Status start_running();
  Opening choose_offset();
  void start_video();
  void start_rungs();
  void start_audio();
  Status run(SourcePacket packet);
  Status run_video(SourcePacket packet);
  Status emit_video(EncodedPacket packet);
  Status run_rung(SourcePacket packet);
  Status release_rungs(MediaTime decided);
  Status run_audio(SourcePacket packet);
  Status release_audio();
  bool may_release(const AudioLine& line, bool is_late) const;
  Status emit_audio(AudioLine& line);
  Status emit_all_audio();
  Status flush();
  Status pad_audio();
  Status take(SourcePacket packet);
  void restart_probe(Offset offset, std::string_view why);
  bool is_source_jump(const SourcePacket& packet) const;
  bool is_new_track(const SourcePacket& packet) const;
  std::shared_ptr<const TrackInfo> source_track_of(const SourcePacket& packet) const;
  EncodedPacket on_channel_clock(SourcePacket packet,
                                 const std::shared_ptr<const TrackInfo>& track) const;
  ClockedVideo clocked_video(const TrackInfo& source) const;
  SourceTracks source_tracks(bool is_fill) const;
  void watch_drift(MediaTime channel_dts);
  void announce_segment(const SegmentStart& segment, bool with_key_frame);
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

  SourceProbe probe_;

  // The source: offset from its clock to the channel's, and its tracks as handed on.
  Offset offset_rule_ = Offset::kFromWallClock;
  MediaTime offset_{};
  TrackAligner aligner_;
  std::optional<MediaTime> newest_source_dts_;
  std::shared_ptr<const TrackInfo> source_video_;
  std::shared_ptr<const TrackInfo> video_track_;
  std::optional<VideoClock> video_clock_;
  int counted_skips_ = 0;
  std::vector<AudioLine> audio_;  ///< The main track first; the others wait for it.
  std::vector<RungLine> rungs_;   ///< Beside the main video track.
  bool video_waits_for_key_frame_ = true;
  bool video_is_silent_ = false;  ///< Video stopped; segments go on by audio.
  std::optional<MediaTime> composition_delay_;
  std::optional<MediaTime> newest_video_dts_;
  std::chrono::steady_clock::time_point last_video_at_;

  // The source is away, or stands and sends nothing.
  std::optional<FillSource> fill_;
  bool is_suspended_ = false;
  std::optional<std::chrono::steady_clock::time_point> resumed_at_;

  bool audio_is_released_ = false;
  std::chrono::steady_clock::time_point last_audio_at_;
  MediaTime channel_end_{};  ///< No packet of any source ends later.
  MediaTime video_end_{};    ///< Of the newest picture.

  // Lateness of arrival against the channel clock: least of the running window, and of the first.
  std::optional<MediaTime> window_lateness_;
  std::optional<MediaTime> first_lateness_;
  std::chrono::steady_clock::time_point window_began_;
  bool has_drifted_ = false;
};

}  // namespace millrace::ingest
