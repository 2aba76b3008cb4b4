#pragma once
// Measures what a publisher sends: sums per packet, figures per window of some seconds.
//
// Thread: one, the caller's. No allocation, no clock of its own.
#include <chrono>
#include <cstdint>
#include <optional>

#include "ingest/ingest.h"

namespace millrace::ingest {

/// What was measured so far. Times by the source's stamps where nothing else is said.
struct Figures {
  bool has_video = false;
  bool has_audio = false;
  MediaTime media{};  ///< From the first packet to the newest, by time of arrival.

  std::optional<MediaTime> key_frame_interval;  ///< The last one, or what has passed since if more.
  double frame_rate = 0;                        ///< Of the last window; 0: none yet.
  double bits_per_second = 0;                   ///< Of the last window, both tracks.
  std::optional<double> real_time;   ///< Seconds of media per second of arrival, last window.
  std::optional<MediaTime> av_skew;  ///< Audio's times less the picture's, of what comes together.
  MediaTime reorder_delay{};         ///< What B-frames add, by the last key frame.
  double drift_ppm = 0;              ///< Source's clock against ours; positive: it is slow.
  double key_frame_seconds = 0;  ///< The largest key frame of the window, in time at its bit rate.

  std::int64_t jumps = 0;              ///< By more than 1 s, either way.
  std::int64_t backward_steps = 0;     ///< By less.
  std::int64_t repeated_times = 0;     ///< Two packets of a track at one decoding time.
  std::int64_t shown_too_early = 0;    ///< Presentation before decoding.
  std::int64_t empty_packets = 0;      ///< Without a byte.
  std::int64_t open_groups = 0;        ///< Pictures shown before the key frame they come behind.
  std::int64_t size_changes = 0;       ///< Of the picture, in mid-stream.
  std::int64_t parameter_changes = 0;  ///< Any other, of either track.
};

class SourceFigures {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kWindow{5};
  /// A clock's drift shows against the network's jitter only over so long.
  static constexpr std::chrono::seconds kDriftWindow{30};
  static constexpr std::chrono::seconds kShortestDrift{300};

  void add(const SourcePacket& packet);
  /// `silence`: no packet for so long is told by the caller; the interval of key frames is not.
  const Figures& figures() const { return figures_; }
  /// When the newest packet came.
  std::optional<TimePoint> newest_arrival() const { return newest_arrival_; }
  const TrackInfo* video() const { return video_.track.get(); }
  const TrackInfo* audio() const { return audio_.track.get(); }

 private:
  struct Track {
    std::shared_ptr<const TrackInfo> track;
    std::optional<MediaTime> newest_dts;
    std::int64_t packets = 0;  ///< Of the window, as all below.
    std::optional<MediaTime> window_first_dts;
  };

  void watch_times(Track& track, const SourcePacket& packet);
  void watch_track(Track& track, const SourcePacket& packet);
  void watch_picture(const SourcePacket& packet);
  void watch_drift(const SourcePacket& packet);
  void close_window(TimePoint now);
  void begin_window(TimePoint now);

  Figures figures_;
  Track video_;
  Track audio_;
  std::optional<TimePoint> first_arrival_;
  std::optional<TimePoint> newest_arrival_;
  TimePoint window_began_;
  bool window_has_jump_ = false;
  std::int64_t window_bytes_ = 0;
  std::int64_t largest_key_frame_ = 0;
  std::int64_t skew_sum_ = 0;  ///< Nanoseconds.
  std::int64_t skew_count_ = 0;

  std::optional<MediaTime> key_dts_;
  MediaTime key_pts_{};
  MediaTime key_offset_{};
  MediaTime least_offset_{};

  std::optional<MediaTime> first_lateness_;
  std::optional<MediaTime> window_lateness_;
  TimePoint drift_began_;
  TimePoint drift_window_began_;
};

}  // namespace millrace::ingest
