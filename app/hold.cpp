#include "app/hold.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace::app {
namespace {

// Of a source whose rate varies.
constexpr MediaTime kVariableRatePicture{33'333'333};

MediaTime picture_duration(const VideoParameters& video) {
  return video.frame_rate.numerator > 0
             ? from_ticks(video.frame_rate.denominator, video.frame_rate.numerator)
             : kVariableRatePicture;
}

}  // namespace

Hold::Hold(std::string channel, std::string worker_path, net::EventLoop& loop, Metrics& metrics)
    : channel_(std::move(channel)),
      worker_path_(std::move(worker_path)),
      loop_(loop),
      metrics_(metrics),
      filling_(metrics.gauge("millrace_channel_filling",
                             "Whether the channel shows a held picture: its source is away.",
                             {{"channel", channel_}})) {}

Hold::~Hold() = default;

void Hold::prepare(std::vector<transcode::Rung> rungs, const std::vector<EncodedPacket>& last,
                   MediaTime group, std::string slate) {
  if (rungs.empty()) return set(State::kReady);
  if (last.empty())
    return fail({ErrorCode::kLimitExceeded, "the newest key frame is not kept any more"});
  set(State::kPreparing);
  const MediaTime picture = picture_duration(last.front().track->video);
  auto maker = transcode::make_still(
      {.channel = channel_,
       .worker_path = worker_path_,
       .rungs = std::move(rungs),
       .pictures =
           static_cast<std::size_t>(std::max<std::int64_t>(1, (group + picture / 2) / picture)),
       .picture_duration = picture,
       .slate = std::move(slate)},
      last, loop_, [this](auto stills) { on_made(std::move(stills)); });
  if (!maker.has_value()) return fail(maker.error());
  maker_ = std::move(maker).value();
}

void Hold::on_made(Result<std::vector<transcode::StillRung>> stills) {
  if (!stills.has_value()) return fail(stills.error());
  stills_ = std::move(stills).value();
  set(State::kReady);
}

void Hold::fail(const Error& error) {
  metrics_.count_error("hold", error.code);
  log::warning("app", "no picture can be held channel={} error=\"{}\"", channel_, error.message);
  set(State::kFailed);
}

std::vector<transcode::StillRung> Hold::take() {
  CHECK(state_ == State::kReady);
  set(State::kFilling);
  return std::exchange(stills_, {});
}

void Hold::reset() {
  maker_.reset();
  stills_.clear();
  set(State::kNone);
}

void Hold::set(State state) {
  state_ = state;
  filling_.set(state == State::kFilling ? 1 : 0);
}

}  // namespace millrace::app
