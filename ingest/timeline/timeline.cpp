#include "ingest/timeline/timeline.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "ingest/timeline/closed_captions.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// Audio waits for the picture at most this long (design.md §2), and at most so many frames.
constexpr auto kAudioPatience = 250ms;
constexpr std::size_t kMaxWaitingAudio = 500;
// Video that is missing for so long while audio goes on has stopped.
constexpr auto kVideoStopped = 1s;
// A clock that drifts is judged by the least lateness of so long a window.
constexpr auto kDriftWindow = 30s;
constexpr MediaTime kLargestDrift = 1s;
// A fill keeps this far behind the wall clock, so that a source that comes back, its media late by
// a jittering network, does not lie behind it. What a source sends may be moved by so much to fit.
constexpr MediaTime kFillLag = 200ms;
constexpr MediaTime kFillTolerance = 300ms;
// While a source that has come back is probed nothing is filled, so that it goes on where it was;
// but not for longer, as players run dry.
constexpr auto kProbeWithoutFill = 1s;
// A source that has sent for so long and lies behind the fill still will not catch up.
constexpr auto kLongestCatchUp = 3s;
// Picture and sound of a source end so far apart at most, or one of them had stopped before.
constexpr MediaTime kLongestPad = 500ms;
// An older hole is not filled: nobody has been watching. The fill then begins so far back.
constexpr MediaTime kLongestHole = 20s;
constexpr MediaTime kFillBefore = 3s;

bool is_video(const SourcePacket& packet) {
  return packet.track->kind == MediaKind::kVideo;
}

template <typename Line>
Line* line_of(std::vector<Line>& lines, int index) {
  const auto found = std::find_if(lines.begin(), lines.end(),
                                  [index](const Line& line) { return line.index() == index; });
  return found == lines.end() ? nullptr : &*found;
}

}  // namespace

ChannelTimeline::ChannelTimeline(TimelineOptions options, Sink<EncodedPacket>& packets,
                                 TimelineEvents& events, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      packets_(packets),
      events_(events),
      metrics_(metrics),
      clock_(clock),
      segmenter_(options_.segment_target, options_.promised_target, options_.first_segment),
      probe_(clock) {}

void ChannelTimeline::begin_source(const Announcement& announcement) {
  announcement_ = announcement;
  aligner_ = TrackAligner();
  probe_.new_source();
  restart_probe(Offset::kFromWallClock, "");
}

Status ChannelTimeline::push(SourcePacket packet) {
  CHECK(state_ != State::kIdle);
  if (!captions_told_ && is_main_video(packet) &&
      carries_closed_captions(packet.track->codec, packet.payload.span())) {
    captions_told_ = true;
    events_.on_closed_captions();
  }
  if (aligner_.align(packet)) {
    count("clocks_disagree");
    log::warning("ingest", "sound and picture have different clocks channel={}", options_.channel);
  }
  return take(std::move(packet));
}

Status ChannelTimeline::take(SourcePacket packet) {
  if (state_ == State::kProbing) return probe(std::move(packet));
  return is_suspended_ ? resume(std::move(packet)) : run(std::move(packet));
}

Status ChannelTimeline::end_source() {
  RETURN_IF_ERROR(suspend_source());
  state_ = State::kIdle;
  is_suspended_ = false;
  return ok();
}

Status ChannelTimeline::suspend_source() {
  if (state_ == State::kProbing && !probe_.empty()) RETURN_IF_ERROR(start_running());
  if (state_ != State::kRunning || is_suspended_) return ok();
  is_suspended_ = true;
  resumed_at_.reset();
  return flush();
}

Status ChannelTimeline::tick() {
  if (state_ == State::kProbing && probe_.is_complete(announcement_)) return start_running();
  if (fill_) return fill();
  if (state_ != State::kRunning || is_suspended_ || !video_track_ || audio_.empty()) return ok();
  const auto now = clock_.steady_now();
  if (!video_is_silent_ && now - last_video_at_ > kVideoStopped &&
      now - last_audio_at_ < kVideoStopped) {
    video_is_silent_ = video_waits_for_key_frame_ = true;
    count("video_stopped");
    log::warning("ingest", "video stopped, audio goes on channel={}", options_.channel);
  }
  return is_video_late() ? release_audio() : ok();
}

// --- While the source is away -----------------------------------------------------------------

Status ChannelTimeline::begin_fill(FillVideo video) {
  CHECK(segmenter_.has_opened());
  const MediaTime wall = clock_.wall_now();
  const bool is_old = wall - channel_end_ > kLongestHole;
  if (is_old) channel_end_ = video_end_ = wall - kFillBefore;
  const auto begin_at = [this](MediaTime end) {
    return channel_end_ - end < kLongestPad ? end : channel_end_;
  };
  std::vector<FillSource::Silence> silences;
  std::vector<AudioLine> lines;
  for (const AudioLine& line : audio_) {
    silences.push_back({silent_track(line.track()), begin_at(is_old ? channel_end_ : line.end())});
    lines.emplace_back(silences.back().track, line.source());
  }
  audio_ = std::move(lines);
  rungs_.clear();
  video_track_ = video.track;
  fill_.emplace(std::move(video), begin_at(video_end_), silences);
  composition_delay_.reset();
  newest_video_dts_.reset();
  audio_is_released_ = video_is_silent_ = false;
  segmenter_.force_discontinuity();
  count("fill");
  events_.on_tracks(source_tracks(true));
  return fill();
}

Status ChannelTimeline::fill() {
  const bool is_probing = state_ == State::kProbing && !probe_.empty();
  if (is_probing && clock_.steady_now() - probe_.began() <= kProbeWithoutFill) return ok();
  return fill_until(clock_.wall_now() - kFillLag);
}

Status ChannelTimeline::fill_until(MediaTime until) {
  last_video_at_ = clock_.steady_now();
  while (auto packet = fill_->next(until)) {
    packet->received_at = clock_.steady_now();
    if (packet->track->kind == MediaKind::kVideo) {
      RETURN_IF_ERROR(emit_video(std::move(*packet)));
    } else {
      line_of(audio_, packet->track->index)->add(std::move(*packet));
      RETURN_IF_ERROR(release_audio());
    }
  }
  return ok();
}

Status ChannelTimeline::end_fill() {
  if (!fill_) return ok();
  fill_.reset();
  return emit_all_audio();
}

Status ChannelTimeline::resume(SourcePacket packet) {
  const auto now = clock_.steady_now();
  if (!resumed_at_) resumed_at_ = now;
  const bool is_jump = is_source_jump(packet);
  const bool is_opener =
      packet.track->index == 0 && (is_video(packet) ? packet.is_key_frame : !source_video_);
  const bool is_behind = packet.dts + offset_ < channel_end_ - kFillTolerance;
  const bool is_hopeless = is_behind && now - *resumed_at_ > kLongestCatchUp;
  newest_source_dts_ = std::max(newest_source_dts_.value_or(packet.dts), packet.dts);
  if (!is_jump && (!is_opener || (is_behind && !is_hopeless))) {
    count("already_filled");
    return ok();
  }
  is_suspended_ = false;
  restart_probe(is_hopeless ? Offset::kFromWallClock : Offset::kKeepIfNearWallClock, "resumed");
  return probe(std::move(packet));
}

/// The first of the probed packets that does not lie behind the fill, where a source was probed for
/// so long that it went on meanwhile, and can be begun with.
std::optional<ChannelTimeline::Opening> ChannelTimeline::first_unfilled() const {
  const auto& probed = probe_.packets();
  const auto found = std::find_if(probed.begin(), probed.end(), [this](const auto& packet) {
    const bool is_opener = is_video(packet) ? packet.is_key_frame : probe_.video_frames() == 0;
    return packet.track->index == 0 && is_opener &&
           packet.dts + offset_ >= channel_end_ - kFillTolerance;
  });
  if (!fill_ || found == probed.end()) return std::nullopt;
  return Opening{found->dts, found->pts};
}

// --- Running ----------------------------------------------------------------------------------

bool ChannelTimeline::is_source_jump(const SourcePacket& packet) const {
  return newest_source_dts_ && std::chrono::abs(packet.dts - *newest_source_dts_) > kSourceJump;
}

std::shared_ptr<const TrackInfo> ChannelTimeline::source_track_of(
    const SourcePacket& packet) const {
  if (is_main_video(packet)) return source_video_;
  const auto find = [&](const auto& lines) -> std::shared_ptr<const TrackInfo> {
    for (const auto& line : lines)
      if (line.index() == packet.track->index) return line.source();
    return nullptr;
  };
  return is_video(packet) ? find(rungs_) : find(audio_);
}

bool ChannelTimeline::is_new_track(const SourcePacket& packet) const {
  const auto known = source_track_of(packet);
  return packet.track != known && (!known || *packet.track != *known);
}

Status ChannelTimeline::run(SourcePacket packet) {
  if (is_main_video(packet) && !video_track_ && !packet.is_key_frame) {
    count("before_key_frame");  // The picture joins a channel of sound at its first key frame.
    return ok();
  }
  const bool is_main = packet.track->index == 0;
  if (!is_main && is_source_jump(packet)) {
    count("other_track_dropped");  // It has the main tracks' clock, or none.
    return ok();
  }
  std::string_view why;
  Offset offset = Offset::kKeepIfNearWallClock;
  if (is_source_jump(packet)) {
    why = "jump";
  } else if (is_new_track(packet)) {
    why = "new_parameters";
  } else if (has_drifted_ && is_main && (packet.is_key_frame || !video_track_)) {
    why = "drift";
    offset = Offset::kFromWallClock;
  } else if (is_main_video(packet) && video_clock_->end() &&
             *video_clock_->end() - (packet.dts + offset_) > 250ms) {
    why = "frame_rate_changed";
  }
  if (!why.empty()) {
    RETURN_IF_ERROR(flush());
    restart_probe(offset, why);
    return probe(std::move(packet));
  }
  if (is_main) newest_source_dts_ = std::max(newest_source_dts_.value_or(packet.dts), packet.dts);
  if (is_main_video(packet)) return run_video(std::move(packet));
  return is_video(packet) ? run_rung(std::move(packet)) : run_audio(std::move(packet));
}

EncodedPacket ChannelTimeline::on_channel_clock(
    SourcePacket packet, const std::shared_ptr<const TrackInfo>& track) const {
  return {.track = track,
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
  EncodedPacket packet = on_channel_clock(std::move(source), video_track_);
  watch_drift(packet.dts);
  last_video_at_ = clock_.steady_now();
  const auto begin_clock_anew = [this, &packet] {
    const MediaTime anchor = std::max(packet.dts, channel_end_);
    video_clock_ = video_clock_at(anchor, video_track_->video, options_.part_target);
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
    announce_segment(*segment, packet.is_key_frame);
    packet.opens_segment = segment->number;
    packet.starts_discontinuity = segment->starts_discontinuity;
  }
  newest_video_dts_ = packet.dts;
  const MediaTime shown = packet.dts + *composition_delay_;
  video_end_ = shown + packet.duration;
  channel_end_ = std::max(channel_end_, packet.dts + packet.duration);
  RETURN_IF_ERROR(packets_.push(std::move(packet)));
  RETURN_IF_ERROR(release_rungs(shown));
  return release_audio();
}

Status ChannelTimeline::run_rung(SourcePacket source) {
  RungLine& rung = *line_of(rungs_, source.track->index);
  EncodedPacket packet = on_channel_clock(std::move(source), rung.track());
  if (rung.is_jump(packet.dts))
    rung.begin_anew(video_clock_at(packet.dts, rung.track()->video, options_.part_target));
  rung.place(std::move(packet));
  return newest_video_dts_ ? release_rungs(*newest_video_dts_ + *composition_delay_) : ok();
}

/// What the main track has decided about, up to its picture that is shown then.
Status ChannelTimeline::release_rungs(MediaTime decided) {
  for (RungLine& rung : rungs_) {
    while (auto packet = rung.take(decided)) {
      channel_end_ = std::max(channel_end_, packet->dts + packet->duration);
      RETURN_IF_ERROR(packets_.push(std::move(*packet)));
    }
    const auto losses = rung.losses();
    if (losses.pictures > 0) count("rung_dropped", losses.pictures);
    if (losses.segments > 0) {
      count("rung_unaligned", losses.segments);
      events_.on_unaligned_rung(rung.index());
    }
  }
  return ok();
}

Status ChannelTimeline::run_audio(SourcePacket source) {
  AudioLine& line = *line_of(audio_, source.track->index);
  EncodedPacket packet = on_channel_clock(std::move(source), line.track());
  if (line.index() == audio_.front().index()) {
    if (!video_track_) watch_drift(packet.dts);
    last_audio_at_ = clock_.steady_now();
  }
  const auto repairs = line.place(std::move(packet));
  if (repairs.filled > 0) count("audio_filled", repairs.filled);
  if (repairs.dropped > 0) count("audio_dropped", repairs.dropped);
  return release_audio();
}

bool ChannelTimeline::is_video_late() const {
  return clock_.steady_now() - last_video_at_ > kAudioPatience;
}

Status ChannelTimeline::release_audio() {
  const bool is_waiting = std::any_of(audio_.begin(), audio_.end(),
                                      [](const AudioLine& line) { return line.waiting() > 0; });
  if (!is_waiting) return ok();
  const bool is_late = video_track_ && !video_is_silent_ && is_video_late();
  if (is_late && !audio_is_released_) count("audio_released");
  audio_is_released_ = is_late;
  for (AudioLine& line : audio_)
    while (line.waiting() > 0 && may_release(line, is_late)) RETURN_IF_ERROR(emit_audio(line));
  return ok();
}

bool ChannelTimeline::may_release(const AudioLine& line, bool is_late) const {
  if (line.waiting() > kMaxWaitingAudio) return true;
  if (audio_paces()) return &line == &audio_.front() || line.next_at() < audio_.front().end();
  return is_late || (newest_video_dts_ && line.next_at() <= *newest_video_dts_);
}

/// The first that waits in the line.
Status ChannelTimeline::emit_audio(AudioLine& line) {
  if (audio_paces() && &line == &audio_.front()) {
    const auto segment = segmenter_.on_frame(line.next_at(), line.next_duration(), true);
    tell_target();
    if (segment) announce_segment(*segment, true);
  }
  auto packet = line.take();
  if (!packet) {
    count("before_key_frame");
    return ok();
  }
  channel_end_ = std::max(channel_end_, line.end());
  return packets_.push(std::move(*packet));
}

Status ChannelTimeline::emit_all_audio() {
  for (AudioLine& line : audio_)
    while (line.waiting() > 0) RETURN_IF_ERROR(emit_audio(line));
  return ok();
}

Status ChannelTimeline::flush() {
  if (video_clock_)
    if (auto held = video_clock_->flush()) RETURN_IF_ERROR(emit_video(std::move(*held)));
  for (RungLine& rung : rungs_) rung.flush();
  RETURN_IF_ERROR(release_rungs(MediaTime::max()));
  RETURN_IF_ERROR(emit_all_audio());
  return pad_audio();
}

/// Sound that ends before the picture goes on in silence: a hole at a discontinuity makes players
/// stumble.
Status ChannelTimeline::pad_audio() {
  if (audio_paces()) return ok();
  for (AudioLine& line : audio_)
    if (line.has_opened() && video_end_ - line.end() <= kLongestPad) line.pad(video_end_);
  return emit_all_audio();
}

void ChannelTimeline::announce_segment(const SegmentStart& segment, bool with_key_frame) {
  events_.on_segment(segment);
  for (AudioLine& line : audio_) line.expect(segment);
  for (RungLine& rung : rungs_) rung.expect(segment, with_key_frame);
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
