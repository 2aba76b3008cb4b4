// What viewers get while the source is away: the part of channel.h's Channel that holds a picture.
#include <algorithm>
#include <utility>

#include "app/channel.h"
#include "app/channel_rendition.h"
#include "app/still_ladder.h"
#include "base/log.h"

namespace millrace::app {
namespace {

using namespace std::chrono_literals;

// Since the last request of a player or a cache.
constexpr MediaTime kWatchedWithin = 10s;
// The pictures that encoders hold come within a moment, or not at all.
constexpr auto kLongestDrain = 1s;

}  // namespace

void Channel::hold_if_silent() {
  if (!is_on_air_ || rules_.hold == HoldMode::kNone || hold_.state() == Hold::State::kFilling ||
      hold_.state() == Hold::State::kFailed)
    return;
  // A ladder without the source may have no rung for it.
  const bool has_pictures = source_rendition_ || !rungs_.empty() || !ready_made_.empty();
  if (!has_pictures && !audio_rendition_) return;
  const auto silence = context_.clock.steady_now() - newest_media_at_;
  if (silence < rules_.hold_after || !is_watched()) return;
  if (hold_.state() == Hold::State::kNone) prepare_hold();
  if (hold_.state() == Hold::State::kReady && is_drained()) begin_fill();
}

bool Channel::is_watched() const {
  // A plain player asks once per target duration, a low-latency one per part.
  const auto patience = std::max<MediaTime>(kWatchedWithin, 2 * longest_gop_);
  return context_.clock.steady_now() - output_->last_request() < patience;
}

bool Channel::is_drained() const {
  return !ladder_ || !ladder_is_draining_ || is_drained_ ||
         context_.clock.steady_now() - draining_since_ > kLongestDrain;
}

void Channel::prepare_hold() {
  if (publisher_) {
    log::info("app", "publisher sends nothing channel={} remote={}", name_,
              publisher_->remote_address());
    if (const Status status = timeline_->suspend_source(); !status.has_value())
      context_.metrics.count_error("app", status.error().code);
    finish_source_renditions();
  }
  held_rungs_ = rungs_.empty() ? ready_made_ : rungs_;
  std::vector<transcode::Rung> rungs = held_rungs_;
  Rendition* largest = source_rendition_;
  if (source_track_ && source_rendition_)
    rungs.insert(rungs.begin(), transcode::rung_like(*source_track_));
  else if (!held_rungs_.empty())
    largest = renditions_.at(held_rungs_.front().name).get();
  hold_.prepare(
      std::move(rungs), largest ? largest->last_pictures.packets() : std::vector<EncodedPacket>(),
      context_.config.packager.segment, rules_.hold == HoldMode::kSlate ? rules_.slate : "");
}

void Channel::forget_hold() {
  hold_.reset();
  set_holding(false);
  if (output_) output_->set_holding(false);
}

void Channel::begin_fill() {
  auto stills = hold_.take();
  ingest::FillVideo video;
  if (!stills.empty()) video = {stills.front().track, stills.front().pictures};
  if (source_rendition_) stills.erase(stills.begin());
  std::vector<StillLadder::Rung> rungs;
  for (std::size_t i = 0; i < stills.size(); ++i)
    rungs.push_back({.still = std::move(stills[i]),
                     .output = renditions_.at(held_rungs_[i].name)->packager.get()});
  drop_ladder();
  if (!rungs.empty()) ladder_ = std::make_unique<StillLadder>(std::move(rungs));
  ladder_is_draining_ = false;
  set_holding(true);
  output_->set_holding(true);
  log::info("app", "source is away: a picture is held channel={}", name_);
  if (const Status status = timeline_->begin_fill(std::move(video)); !status.has_value()) {
    context_.metrics.count_error("app", status.error().code);
    log::error("app", "nothing can be held channel={} error={}", name_, status.error().message);
  }
}

}  // namespace millrace::app
