#include "ingest/timeline/timeline.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "ingest/timeline/closed_captions.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// design.md §2: a source's times that step farther than this, either way, are a jump.
constexpr MediaTime kJump = 1s;
// A jump after which the source still agrees with the wall clock this well keeps its mapping: it
// was a pause, not a new clock.
constexpr MediaTime kWallClockAgreement = 2s;
// Frames that tell 30 from 29.97 and a constant rate from a variable one; fewer where they last 1
// s.
constexpr std::size_t kProbeFrames = 16;
constexpr std::size_t kFewestProbeFrames = 6;
constexpr MediaTime kLongProbe = 1s;
// The first GOP of a variable rate is awaited at most this long; so much is held at most.
constexpr MediaTime kLongestProbe = 10s;
constexpr std::size_t kMaxProbeBytes = 32 * 1024 * 1024;
// How long an announced track may be missing before the channel starts without it.
constexpr auto kMissingTrack = 1s;
// Audio waits for the picture at most this long (design.md §2), and at most so many frames.
constexpr auto kAudioPatience = 250ms;
constexpr std::size_t kMaxWaitingAudio = 500;
// Video that is missing for so long while audio goes on has stopped.
constexpr auto kVideoStopped = 1s;
// A clock that drifts is judged by the least lateness of so long a window.
constexpr auto kDriftWindow = 30s;
constexpr MediaTime kLargestDrift = 1s;
// Boundaries that audio has not reached; past it the oldest becomes a gap of the audio's.
constexpr std::size_t kMaxAudioBoundaries = 16;

bool is_video(const SourcePacket& packet) {
  return packet.track->kind == MediaKind::kVideo;
}

// The same parameters in another object do not make a new track.
std::shared_ptr<const TrackInfo> reuse_if_equal(std::shared_ptr<const TrackInfo> previous,
                                                TrackInfo track) {
  if (previous && *previous == track) return previous;
  return std::make_shared<const TrackInfo>(std::move(track));
}

}  // namespace

// 2024-01-01T00:00:00Z.
constexpr std::chrono::nanoseconds kNumberingEpoch = 1'704'067'200s;

SegmentNumber segment_number_at(std::chrono::nanoseconds wall_time) {
  return wall_time <= kNumberingEpoch
             ? 0
             : static_cast<SegmentNumber>((wall_time - kNumberingEpoch) / 500ms);
}

ChannelTimeline::ChannelTimeline(TimelineOptions options, Sink<EncodedPacket>& packets,
                                 TimelineEvents& events, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      packets_(packets),
      events_(events),
      metrics_(metrics),
      clock_(clock),
      segmenter_(options_.segment_target, options_.promised_target, options_.first_segment) {}

void ChannelTimeline::begin_source(const Announcement& announcement) {
  announcement_ = announcement;
  restart_probe(Offset::kFromWallClock, "");
}

Status ChannelTimeline::push(SourcePacket packet) {
  CHECK(state_ != State::kIdle);
  if (!captions_told_ && packet.track->kind == MediaKind::kVideo &&
      carries_closed_captions(packet.track->codec, packet.payload.span())) {
    captions_told_ = true;
    events_.on_closed_captions();
  }
  return state_ == State::kProbing ? probe(std::move(packet)) : run(std::move(packet));
}

Status ChannelTimeline::end_source() {
  if (state_ == State::kProbing && !probed_.empty()) RETURN_IF_ERROR(start_running());
  if (state_ == State::kRunning) RETURN_IF_ERROR(flush());
  state_ = State::kIdle;
  return ok();
}

Status ChannelTimeline::tick() {
  if (state_ == State::kProbing && is_probe_complete()) return start_running();
  if (state_ != State::kRunning || !video_track_ || !audio_track_) return ok();
  const auto now = clock_.steady_now();
  if (!video_is_silent_ && now - last_video_at_ > kVideoStopped &&
      now - last_audio_at_ < kVideoStopped) {
    video_is_silent_ = video_waits_for_key_frame_ = true;
    count("video_stopped");
    log::warning("ingest", "video stopped, audio goes on channel={}", options_.channel);
  }
  return is_video_late() ? release_audio() : ok();
}

// --- Probing ----------------------------------------------------------------------------------

void ChannelTimeline::restart_probe(Offset offset, std::string_view why) {
  if (!why.empty()) {
    count(why);
    log::info("ingest", "source begins anew why={} channel={}", why, options_.channel);
  }
  offset_rule_ = offset;
  state_ = State::kProbing;
  probed_.clear();
  probed_bytes_ = probed_video_frames_ = probed_key_frames_ = 0;
}

Status ChannelTimeline::probe(SourcePacket packet) {
  if (probed_.empty()) {
    probe_began_ = clock_.steady_now();
    probe_began_wall_ = clock_.wall_now();
  } else if (std::chrono::abs(packet.dts - probed_.front().dts) > kLongestProbe) {
    count("probe_dropped");  // Of the clock before a jump, or of one that jumps again.
    return ok();
  }
  if (is_video(packet)) {
    announcement_.has_video = true;
    if (probed_key_frames_ == 0 && !packet.is_key_frame) {
      count("before_key_frame");
      return ok();
    }
    ++probed_video_frames_;
    probed_key_frames_ += packet.is_key_frame ? 1 : 0;
  }
  probed_bytes_ += packet.payload.size();
  probed_.push_back(std::move(packet));
  return is_probe_complete() ? start_running() : ok();
}

bool ChannelTimeline::is_probe_complete() const {
  if (probed_.empty()) return false;
  const bool is_late = clock_.steady_now() - probe_began_ >= kMissingTrack;
  if (probed_bytes_ > kMaxProbeBytes) return true;
  const bool has_audio =
      std::any_of(probed_.begin(), probed_.end(), [](const auto& p) { return !is_video(p); });
  if (probed_video_frames_ == 0) return !announcement_.has_video || is_late;
  if (!has_audio && announcement_.has_audio && !is_late) return false;

  std::vector<MediaTime> times;
  for (const auto& packet : probed_)
    if (is_video(packet)) times.push_back(packet.dts);
  const MediaTime span = times.back() - times.front();
  if (times.size() < kProbeFrames && !(times.size() >= kFewestProbeFrames && span >= kLongProbe))
    return false;
  const auto* track = std::find_if(probed_.begin(), probed_.end(), is_video)->track.get();
  const auto rates = candidate_rates(announcement_.frame_rate, track->video.frame_rate);
  return FrameGrid::fit(times, rates).has_value() || probed_key_frames_ >= 2 ||
         span >= kLongestProbe;
}

Status ChannelTimeline::start_running() {
  if (probed_video_frames_ == 0 &&
      std::all_of(probed_.begin(), probed_.end(), [](const auto& p) { return is_video(p); }))
    return ok();
  state_ = State::kRunning;
  choose_offset();
  start_video();
  start_audio();
  newest_source_dts_.reset();
  window_lateness_.reset();
  first_lateness_.reset();
  window_began_ = clock_.steady_now();
  has_drifted_ = false;
  if (segmenter_.has_opened()) segmenter_.force_discontinuity();
  tell_target();
  events_.on_tracks({video_track_, audio_track_});
  // Not a loop over probed_: a packet among them may begin the probe anew.
  for (auto& packet : std::exchange(probed_, {})) RETURN_IF_ERROR(push(std::move(packet)));
  return ok();
}

void ChannelTimeline::choose_offset() {
  const MediaTime first = probed_.front().dts;
  const auto distance = std::chrono::abs(first + offset_ - probe_began_wall_);
  if (offset_rule_ == Offset::kFromWallClock || distance > kWallClockAgreement)
    offset_ = std::chrono::floor<std::chrono::milliseconds>(probe_began_wall_) - first;
  MediaTime least = first;
  for (const auto& packet : probed_) least = std::min(least, packet.dts);
  // Never before what earlier sources were given.
  offset_ = std::max(offset_, channel_end_ - least);
}

void ChannelTimeline::start_video() {
  video_clock_.reset();
  source_video_.reset();
  video_waits_for_key_frame_ = true;
  video_is_silent_ = false;
  newest_video_dts_.reset();
  counted_skips_ = 0;
  last_video_at_ = clock_.steady_now();
  std::vector<MediaTime> times;
  for (const auto& packet : probed_) {
    if (!is_video(packet)) continue;
    if (!source_video_) source_video_ = packet.track;
    times.push_back(packet.dts + offset_);
  }
  if (!source_video_) {
    video_track_.reset();
    return;
  }
  TrackInfo track = *source_video_;
  const auto rates = candidate_rates(announcement_.frame_rate, track.video.frame_rate);
  if (const auto grid = FrameGrid::fit(times, rates)) {
    track.video.frame_rate = grid->rate();
    // A part has k frames, k nearest the wish; a longer picture is a jump.
    const MediaTime frame = grid->slot_duration();
    const auto frames_per_part =
        std::max<std::int64_t>(1, (options_.part_target + frame / 2) / frame);
    video_clock_.emplace(*grid, frames_per_part * frame);
  } else {
    MediaTime longest{};
    for (std::size_t i = 1; i < times.size(); ++i)
      longest = std::max(longest, times[i] - times[i - 1]);
    track.video.frame_rate = {0, 1};
    track.video.longest_frame = longest;
    video_clock_.emplace(kJump);
  }
  video_track_ = reuse_if_equal(video_track_, std::move(track));
}

void ChannelTimeline::start_audio() {
  audio_clock_.reset();
  source_audio_.reset();
  waiting_audio_.clear();
  audio_boundaries_.clear();
  audio_is_released_ = audio_has_opened_ = false;
  counted_fills_ = counted_audio_drops_ = 0;
  const auto first =
      std::find_if(probed_.begin(), probed_.end(), [](const auto& p) { return !is_video(p); });
  if (first == probed_.end()) {
    audio_track_.reset();
    return;
  }
  source_audio_ = first->track;
  audio_track_ = reuse_if_equal(audio_track_, *source_audio_);
  audio_clock_.emplace(*audio_track_);
}

// --- Running ----------------------------------------------------------------------------------

bool ChannelTimeline::is_source_jump(const SourcePacket& packet) const {
  return newest_source_dts_ && std::chrono::abs(packet.dts - *newest_source_dts_) > kJump;
}

bool ChannelTimeline::is_new_track(const SourcePacket& packet) const {
  const auto& known = is_video(packet) ? source_video_ : source_audio_;
  return packet.track != known && (!known || *packet.track != *known);
}

Status ChannelTimeline::run(SourcePacket packet) {
  if (is_video(packet) && !video_track_ && !packet.is_key_frame) {
    count("before_key_frame");  // The picture joins a channel of sound at its first key frame.
    return ok();
  }
  std::string_view why;
  Offset offset = Offset::kKeepIfNearWallClock;
  if (is_source_jump(packet)) {
    why = "jump";
  } else if (is_new_track(packet)) {
    why = "new_parameters";
  } else if (has_drifted_ && (packet.is_key_frame || !video_track_)) {
    why = "drift";
    offset = Offset::kFromWallClock;
  } else if (is_video(packet) && video_clock_->end() &&
             *video_clock_->end() - (packet.dts + offset_) > 250ms) {
    why = "frame_rate_changed";
  }
  if (!why.empty()) {
    RETURN_IF_ERROR(flush());
    restart_probe(offset, why);
    return probe(std::move(packet));
  }
  newest_source_dts_ = std::max(newest_source_dts_.value_or(packet.dts), packet.dts);
  return is_video(packet) ? run_video(std::move(packet)) : run_audio(std::move(packet));
}

EncodedPacket ChannelTimeline::on_channel_clock(SourcePacket packet) const {
  return {.track = is_video(packet) ? video_track_ : audio_track_,
          .payload = std::move(packet.payload),
          .pts = packet.pts + offset_,
          .dts = packet.dts + offset_,
          .duration = {},
          .is_key_frame = packet.is_key_frame,
          .follows_gap = false,
          .opens_segment = std::nullopt,
          .starts_discontinuity = false,
          .received_at = packet.received_at};
}

Status ChannelTimeline::run_video(SourcePacket source) {
  EncodedPacket packet = on_channel_clock(std::move(source));
  watch_drift(packet.dts);
  last_video_at_ = clock_.steady_now();
  const auto begin_clock_anew = [this, &packet] {
    const MediaTime anchor = std::max(packet.dts, channel_end_);
    if (video_track_->video.frame_rate.numerator == 0) {
      video_clock_.emplace(kJump);
      return;
    }
    const FrameGrid grid(anchor, video_track_->video.frame_rate);
    const MediaTime frame = grid.slot_duration();
    video_clock_.emplace(
        grid, std::max<std::int64_t>(1, (options_.part_target + frame / 2) / frame) * frame);
    counted_skips_ = 0;
  };
  if (video_waits_for_key_frame_) {
    if (!packet.is_key_frame) {
      count("before_key_frame");
      return ok();
    }
    video_waits_for_key_frame_ = false;
    composition_delay_.reset();
    if (video_is_silent_) {
      // The picture is back: its segments listed as gaps end here.
      video_is_silent_ = false;
      begin_clock_anew();
      segmenter_.force_opening();
    }
  } else if (video_clock_->is_jump(packet.dts)) {
    if (auto held = video_clock_->flush()) RETURN_IF_ERROR(emit_video(std::move(*held)));
    begin_clock_anew();
    segmenter_.force_discontinuity();
    count("hole");
  }
  auto placed = video_clock_->place(std::move(packet));
  if (const int skips = video_clock_->skipped_frames(); skips > counted_skips_) {
    count("skipped_frame", skips - counted_skips_);
    counted_skips_ = skips;
  }
  return placed ? emit_video(std::move(*placed)) : ok();
}

Status ChannelTimeline::emit_video(EncodedPacket packet) {
  if (!composition_delay_) composition_delay_ = packet.pts - packet.dts;  // Of a key frame.
  const auto segment =
      segmenter_.on_frame(packet.dts + *composition_delay_, packet.duration, packet.is_key_frame);
  tell_target();
  if (segment) {
    announce_segment(*segment);
    packet.opens_segment = segment->number;
    packet.starts_discontinuity = segment->starts_discontinuity;
  }
  newest_video_dts_ = packet.dts;
  channel_end_ = std::max(channel_end_, packet.dts + packet.duration);
  RETURN_IF_ERROR(packets_.push(std::move(packet)));
  return release_audio();
}

Status ChannelTimeline::run_audio(SourcePacket source) {
  EncodedPacket packet = on_channel_clock(std::move(source));
  if (!video_track_) watch_drift(packet.dts);
  last_audio_at_ = clock_.steady_now();
  audio_clock_->place(std::move(packet), placed_audio_);
  if (const int fills = audio_clock_->filled_frames(); fills > counted_fills_) {
    count("audio_filled", fills - counted_fills_);
    counted_fills_ = fills;
  }
  if (const int drops = audio_clock_->dropped_frames(); drops > counted_audio_drops_) {
    count("audio_dropped", drops - counted_audio_drops_);
    counted_audio_drops_ = drops;
  }
  for (auto& placed : placed_audio_) waiting_audio_.push_back(std::move(placed));
  placed_audio_.clear();
  return release_audio();
}

bool ChannelTimeline::is_video_late() const {
  return clock_.steady_now() - last_video_at_ > kAudioPatience;
}

Status ChannelTimeline::release_audio() {
  if (waiting_audio_.empty()) return ok();
  const bool is_late = video_track_ && !video_is_silent_ && is_video_late();
  if (is_late && !audio_is_released_) count("audio_released");
  audio_is_released_ = is_late;
  while (!waiting_audio_.empty()) {
    const bool is_behind_video =
        newest_video_dts_ && waiting_audio_.front().pts <= *newest_video_dts_;
    if (!is_behind_video && !audio_paces() && !is_late && waiting_audio_.size() <= kMaxWaitingAudio)
      break;
    EncodedPacket packet = std::move(waiting_audio_.front());
    waiting_audio_.pop_front();
    RETURN_IF_ERROR(emit_audio(std::move(packet)));
  }
  return ok();
}

Status ChannelTimeline::emit_audio(EncodedPacket packet) {
  if (audio_paces()) {
    const auto segment = segmenter_.on_frame(packet.pts, packet.duration, true);
    tell_target();
    if (segment) announce_segment(*segment);
  }
  while (!audio_boundaries_.empty() && packet.pts >= audio_boundaries_.front().start) {
    packet.opens_segment = audio_boundaries_.front().number;
    packet.starts_discontinuity |= audio_boundaries_.front().starts_discontinuity;
    audio_boundaries_.pop_front();
  }
  audio_has_opened_ |= packet.opens_segment.has_value();
  if (!audio_has_opened_) {
    count("before_key_frame");
    return ok();
  }
  channel_end_ = std::max(channel_end_, packet.dts + packet.duration);
  return packets_.push(std::move(packet));
}

Status ChannelTimeline::flush() {
  if (video_clock_)
    if (auto held = video_clock_->flush()) RETURN_IF_ERROR(emit_video(std::move(*held)));
  for (auto& packet : std::exchange(waiting_audio_, {}))
    RETURN_IF_ERROR(emit_audio(std::move(packet)));
  return ok();
}

void ChannelTimeline::announce_segment(const SegmentStart& segment) {
  events_.on_segment(segment);
  if (!audio_track_) return;
  if (audio_boundaries_.size() == kMaxAudioBoundaries) audio_boundaries_.pop_front();
  audio_boundaries_.push_back(segment);
}

void ChannelTimeline::tell_target() {
  if (target_told_ || segmenter_.promised_target() == 0ns) return;
  target_told_ = true;
  events_.on_target_duration(segmenter_.promised_target());
}

void ChannelTimeline::watch_drift(MediaTime channel_dts) {
  const MediaTime lateness = clock_.wall_now() - channel_dts;
  window_lateness_ = std::min(window_lateness_.value_or(lateness), lateness);
  const auto now = clock_.steady_now();
  if (now - window_began_ < kDriftWindow) return;
  if (!first_lateness_)
    first_lateness_ = window_lateness_;
  else
    has_drifted_ = std::chrono::abs(*window_lateness_ - *first_lateness_) > kLargestDrift;
  window_lateness_.reset();
  window_began_ = now;
}

void ChannelTimeline::count(std::string_view event, int by) {
  metrics_
      .counter("millrace_timeline_events_total",
               "What a source's timestamps made the timeline do, by event.",
               {{"channel", options_.channel}, {"event", std::string(event)}})
      .increment(by);
}

std::unique_ptr<Timeline> create_timeline(TimelineOptions options, Sink<EncodedPacket>& packets,
                                          TimelineEvents& events, Metrics& metrics,
                                          const Clock& clock) {
  return std::make_unique<ChannelTimeline>(std::move(options), packets, events, metrics, clock);
}

}  // namespace millrace::ingest
