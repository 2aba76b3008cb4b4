// How a source begins on the channel's clock: the part of timeline.h's ChannelTimeline in which it
// is probed.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "ingest/timeline/timeline.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// A jump after which the source still agrees with the wall clock this well keeps its mapping: it
// was a pause, not a new clock.
constexpr MediaTime kWallClockAgreement = 2s;

// The same parameters in another object do not make a new track.
std::shared_ptr<const TrackInfo> reuse_if_equal(std::shared_ptr<const TrackInfo> previous,
                                                TrackInfo track) {
  if (previous && *previous == track) return previous;
  return std::make_shared<const TrackInfo>(std::move(track));
}

template <typename Line>
std::shared_ptr<const TrackInfo> track_of(const std::vector<Line>& lines, int index) {
  for (const Line& line : lines)
    if (line.index() == index) return line.track();
  return nullptr;
}

}  // namespace

void ChannelTimeline::restart_probe(Offset offset, std::string_view why) {
  if (!why.empty()) {
    count(why);
    log::info("ingest", "source begins anew why={} channel={}", why, options_.channel);
  }
  offset_rule_ = offset;
  state_ = State::kProbing;
  is_suspended_ = false;
  probe_.restart();
}

Status ChannelTimeline::probe(SourcePacket packet) {
  if (is_main_video(packet)) announcement_.has_video = true;
  if (const auto dropped = probe_.add(std::move(packet)); !dropped.empty()) count(dropped);
  return probe_.is_complete(announcement_) ? start_running() : ok();
}

Status ChannelTimeline::start_running() {
  if (probe_.video_frames() == 0 && !probe_.has_audio()) {
    if (!probe_.is_full()) return ok();
    return Error{ErrorCode::kLimitExceeded,
                 "the source sends nothing that a channel can begin with"};
  }
  state_ = State::kRunning;
  const Opening opening = choose_offset();
  if (fill_) RETURN_IF_ERROR(fill_until(opening.pts + offset_));
  RETURN_IF_ERROR(end_fill());
  start_video();
  start_rungs();
  start_audio();
  newest_source_dts_.reset();
  window_lateness_.reset();
  first_lateness_.reset();
  window_began_ = clock_.steady_now();
  has_drifted_ = false;
  if (segmenter_.has_opened()) segmenter_.force_discontinuity();
  tell_target();
  events_.on_tracks(source_tracks(false));
  // Not a loop over the probe: a packet among them may begin it anew.
  for (auto& packet : probe_.take())
    if (packet.track->index > 0 || packet.dts >= opening.dts)
      RETURN_IF_ERROR(take(std::move(packet)));
  return ok();
}

ChannelTimeline::Opening ChannelTimeline::choose_offset() {
  const auto& probed = probe_.packets();
  const auto by_dts = [](const SourcePacket& a, const SourcePacket& b) {
    const bool a_is_main = a.track->index == 0, b_is_main = b.track->index == 0;
    return a_is_main != b_is_main ? a_is_main : a.dts < b.dts;
  };
  const MediaTime first = probed.front().dts;
  const auto distance = std::chrono::abs(first + offset_ - probe_.began_wall());
  if (offset_rule_ == Offset::kFromWallClock || distance > kWallClockAgreement)
    offset_ = std::chrono::floor<std::chrono::milliseconds>(probe_.began_wall()) - first;
  const auto least = std::min_element(probed.begin(), probed.end(), by_dts);
  const Opening opening = first_unfilled().value_or(Opening{least->dts, least->pts});
  // Never before what earlier sources were given.
  offset_ = std::max(offset_, channel_end_ - opening.dts);
  return opening;
}

void ChannelTimeline::start_video() {
  video_clock_.reset();
  source_video_.reset();
  video_waits_for_key_frame_ = true;
  video_is_silent_ = false;
  newest_video_dts_.reset();
  counted_skips_ = 0;
  last_video_at_ = clock_.steady_now();
  const SourcePacket* const first = probe_.first_of(MediaKind::kVideo, 0);
  if (!first) {
    video_track_.reset();
    return;
  }
  source_video_ = first->track;
  auto clocked = clocked_video(*source_video_);
  video_clock_ = std::move(clocked.clock);
  video_track_ = reuse_if_equal(video_track_, std::move(clocked.track));
}

void ChannelTimeline::start_rungs() {
  const auto before = std::exchange(rungs_, {});
  if (!video_track_) return;
  for (auto& source : probe_.tracks(MediaKind::kVideo)) {
    if (source->index == 0) continue;
    auto clocked = clocked_video(*source);
    auto track = reuse_if_equal(track_of(before, source->index), std::move(clocked.track));
    rungs_.emplace_back(std::move(track), std::move(source), std::move(clocked.clock));
  }
}

void ChannelTimeline::start_audio() {
  audio_is_released_ = false;
  const auto before = std::exchange(audio_, {});
  for (auto& source : probe_.tracks(MediaKind::kAudio)) {
    auto track = reuse_if_equal(track_of(before, source->index), *source);
    audio_.emplace_back(std::move(track), std::move(source));
  }
}

ClockedVideo ChannelTimeline::clocked_video(const TrackInfo& source) const {
  auto times = probe_.times_of(MediaKind::kVideo, source.index);
  for (MediaTime& time : times) time += offset_;
  return clock_video(source, times, announcement_.frame_rate, options_.part_target);
}

SourceTracks ChannelTimeline::source_tracks(bool is_fill) const {
  SourceTracks tracks{.video = video_track_, .audio = nullptr, .is_fill = is_fill};
  if (!audio_.empty()) tracks.audio = audio_.front().track();
  for (std::size_t i = 1; i < audio_.size(); ++i) tracks.others.push_back(audio_[i].track());
  for (const RungLine& rung : rungs_) tracks.others.push_back(rung.track());
  return tracks;
}

}  // namespace millrace::ingest
