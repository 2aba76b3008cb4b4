#include "ingest/report/source_figures.h"

#include <algorithm>

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// As the timeline's: a step farther than this is another clock, not a late packet.
constexpr MediaTime kJump = 1s;

// A source may stamp anything: differences of its times must not overflow.
MediaTime difference(MediaTime later, MediaTime earlier) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(later.count(), earlier.count(), &result))
    return later > earlier ? MediaTime(INT64_MAX) : MediaTime(-INT64_MAX);
  return MediaTime(std::max(result, -INT64_MAX));
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

void SourceFigures::add(const SourcePacket& packet) {
  if (!first_arrival_) {
    first_arrival_ = packet.received_at;
    drift_began_ = drift_window_began_ = packet.received_at;
    begin_window(packet.received_at);
  }
  if (packet.received_at - window_began_ >= kWindow) close_window(packet.received_at);
  newest_arrival_ = packet.received_at;
  figures_.media = packet.received_at - *first_arrival_;
  const bool is_video = packet.track->kind == MediaKind::kVideo;
  Track& track = is_video ? video_ : audio_;
  (is_video ? figures_.has_video : figures_.has_audio) = true;
  figures_.empty_packets += packet.payload.size() == 0 ? 1 : 0;
  figures_.shown_too_early += packet.pts < packet.dts ? 1 : 0;
  watch_track(track, packet);
  watch_times(track, packet);
  if (is_video) watch_picture(packet);
  watch_drift(packet);
  window_bytes_ += static_cast<std::int64_t>(packet.payload.size());
}

void SourceFigures::watch_track(Track& track, const SourcePacket& packet) {
  if (packet.track == track.track) return;
  if (track.track && *packet.track != *track.track) {
    const VideoParameters& before = track.track->video;
    const VideoParameters& now = packet.track->video;
    const bool is_size = before.width != now.width || before.height != now.height;
    ++(is_size ? figures_.size_changes : figures_.parameter_changes);
  }
  track.track = packet.track;
}

void SourceFigures::watch_times(Track& track, const SourcePacket& packet) {
  ++track.packets;
  if (!track.window_first_dts) track.window_first_dts = packet.dts;
  if (track.newest_dts) {
    const MediaTime step = difference(packet.dts, *track.newest_dts);
    if (step > kJump || step < -kJump) {
      ++figures_.jumps;
      window_has_jump_ = true;
      first_lateness_.reset();  // Another clock: its drift is another one's, too.
      drift_began_ = packet.received_at;
      key_dts_.reset();
    } else if (step < 0s) {
      ++figures_.backward_steps;
      return;  // What is late does not make the newest older.
    } else if (step == 0s) {
      ++figures_.repeated_times;
    }
  }
  track.newest_dts = packet.dts;
}

void SourceFigures::watch_picture(const SourcePacket& packet) {
  const MediaTime offset = difference(packet.pts, packet.dts);
  if (packet.is_key_frame) {
    if (key_dts_ && packet.dts > *key_dts_)
      figures_.key_frame_interval = difference(packet.dts, *key_dts_);
    figures_.reorder_delay =
        key_dts_ ? std::max(difference(key_offset_, least_offset_), MediaTime(0)) : MediaTime(0);
    key_dts_ = packet.dts;
    key_pts_ = packet.pts;
    key_offset_ = least_offset_ = offset;
    largest_key_frame_ =
        std::max(largest_key_frame_, static_cast<std::int64_t>(packet.payload.size()));
  } else if (key_dts_) {
    least_offset_ = std::min(least_offset_, offset);
    figures_.open_groups += packet.pts < key_pts_ && packet.dts > *key_dts_ ? 1 : 0;
    const MediaTime since = difference(packet.dts, *key_dts_);
    if (since > figures_.key_frame_interval.value_or(0s)) figures_.key_frame_interval = since;
  }
  if (!audio_.newest_dts) return;
  const MediaTime skew = difference(*audio_.newest_dts, packet.dts);
  // Farther apart they share no clock; the sum stays within 64 bits.
  if (skew > 60s || skew < -60s) return;
  skew_sum_ += skew.count();
  ++skew_count_;
}

void SourceFigures::watch_drift(const SourcePacket& packet) {
  const MediaTime lateness = difference(packet.received_at.time_since_epoch(), packet.dts);
  window_lateness_ = std::min(window_lateness_.value_or(lateness), lateness);
  if (packet.received_at - drift_window_began_ < kDriftWindow) return;
  if (!first_lateness_) {
    first_lateness_ = window_lateness_;
    drift_began_ = packet.received_at;
  } else if (packet.received_at - drift_began_ >= kShortestDrift) {
    figures_.drift_ppm = seconds(difference(*window_lateness_, *first_lateness_)) * 1e6 /
                         seconds(packet.received_at - drift_began_);
  }
  window_lateness_.reset();
  drift_window_began_ = packet.received_at;
}

void SourceFigures::close_window(TimePoint now) {
  const double arrival = seconds(now - window_began_);
  figures_.bits_per_second = static_cast<double>(window_bytes_) * 8 / arrival;
  if (figures_.bits_per_second > 0)
    figures_.key_frame_seconds =
        static_cast<double>(largest_key_frame_) * 8 / figures_.bits_per_second;
  if (skew_count_ > 0) figures_.av_skew = MediaTime(skew_sum_ / skew_count_);
  const Track& pace = figures_.has_video ? video_ : audio_;
  if (pace.packets > 1 && !window_has_jump_) {
    const double media = seconds(difference(*pace.newest_dts, *pace.window_first_dts));
    const auto steps = static_cast<double>(pace.packets - 1);
    if (media > 0 && figures_.has_video) figures_.frame_rate = steps / media;
    // The first packet's own duration is in the arrival, not in the difference.
    figures_.real_time = media * (steps + 1) / steps / arrival;
  }
  begin_window(now);
}

void SourceFigures::begin_window(TimePoint now) {
  window_began_ = now;
  window_has_jump_ = false;
  window_bytes_ = largest_key_frame_ = skew_sum_ = skew_count_ = 0;
  for (Track* const track : {&video_, &audio_}) {
    track->packets = 0;
    track->window_first_dts.reset();
  }
}

}  // namespace millrace::ingest
