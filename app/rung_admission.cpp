#include "app/rung_admission.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace::app {
namespace {

// Longer than a player takes to leave the rung; its playlist has changed a few times by then.
constexpr std::chrono::seconds kRetryAfter(5);

}  // namespace

RungAdmission::RungAdmission(std::string channel, int priority, transcode::Profile profile,
                             MediaTime part_target, transcode::Capacity& capacity,
                             const transcode::Devices& devices, Metrics& metrics)
    : like_{.channel = std::move(channel),
            .priority = priority,
            .rung = {},
            .source = nullptr,
            .profile = profile,
            .part_target = part_target,
            .help = {}},
      capacity_(capacity),
      devices_(devices),
      refused_(metrics.gauge("millrace_transcode_rungs_refused",
                             "Rungs whose playlists have gaps since they do not fit on the "
                             "machine.")) {}

RungAdmission::~RungAdmission() {
  refused_.add(-static_cast<double>(shown_));
}

void RungAdmission::set_rungs(const std::vector<transcode::Rung>& rungs,
                              const std::shared_ptr<const TrackInfo>& source) {
  rungs_.clear();
  for (const auto& rung : rungs) {
    rungs_.push_back({.request = like_, .place = nullptr, .is_refused = false, .retry_at = {}});
    rungs_.back().request.rung = rung;
    rungs_.back().request.source = source;
  }
  show();
}

std::vector<bool> RungAdmission::admit(const std::vector<bool>& wanted, const Helps& helps,
                                       TimePoint now) {
  std::vector<bool> admitted(rungs_.size());
  // What a rung gives back is there for the next one.
  for (std::size_t i = 0; i < rungs_.size(); ++i)
    if (!wanted[i] || !is_charged_rightly(i, wanted, helps)) rungs_[i].place.reset();
  // The smallest first: of two that do not fit together it is the one to have.
  for (std::size_t i = rungs_.size(); i-- > 0;) admitted[i] = admit(i, wanted, helps, now);
  show();
  return admitted;
}

void RungAdmission::give_back() {
  for (State& state : rungs_) state.place.reset();
}

std::vector<bool> RungAdmission::admit_elsewhere(std::vector<bool> wanted) {
  for (State& state : rungs_) {
    state.place.reset();
    state.is_refused = false;
  }
  show();
  return wanted;
}

/// What a device does of the rung, or would do if its worker began now.
Result<transcode::DeviceHelp> RungAdmission::help_of(std::size_t rung,
                                                     const std::vector<bool>& wanted,
                                                     const Helps& helps) const {
  if (helps[rung]) return *helps[rung];
  // All that are wanted share a worker in the end; up to then those have one that are new, and for
  // good where only a device would do that has no encoders for both.
  std::vector<transcode::Rung> together{rungs_[rung].request.rung}, beginning = together;
  for (std::size_t i = 0; i < rungs_.size(); ++i) {
    if (i == rung || !wanted[i]) continue;
    together.push_back(rungs_[i].request.rung);
    if (!helps[i]) beginning.push_back(rungs_[i].request.rung);
  }
  const TrackInfo& source = *rungs_[rung].request.source;
  auto expected = devices_.help(like_.channel, together, source);
  if (!expected.has_value()) expected = devices_.help(like_.channel, beginning, source);
  if (!expected.has_value()) return std::move(expected).error();
  return expected.value().front();
}

/// One that is shed is dealt with as such.
bool RungAdmission::is_charged_rightly(std::size_t rung, const std::vector<bool>& wanted,
                                       const Helps& helps) const {
  const State& state = rungs_[rung];
  if (!state.place || state.place->is_shed()) return true;
  const auto help = help_of(rung, wanted, helps);
  return help.has_value() && help.value() == state.request.help;
}

bool RungAdmission::admit(std::size_t rung, const std::vector<bool>& wanted, const Helps& helps,
                          TimePoint now) {
  State& state = rungs_[rung];
  const bool is_wanted = wanted[rung];
  if (state.place && !state.place->is_shed()) return true;
  if (std::exchange(state.place, nullptr)) {
    refuse(state, "the machine is full", now);
    return false;
  }
  if (state.is_refused && now < state.retry_at) return false;
  if (!is_wanted && !state.is_refused) return false;
  const auto help = help_of(rung, wanted, helps);
  if (help.has_value()) state.request.help = help.value();
  if (!is_wanted) {
    state.is_refused = !help.has_value() || !capacity_.would_fit(state.request);
    state.retry_at = now + kRetryAfter;
    return false;
  }
  if (!help.has_value()) {
    refuse(state, help.error().message, now);
    return false;
  }
  auto place = capacity_.admit(state.request);
  if (!place.has_value()) {
    refuse(state, place.error().message, now);
    return false;
  }
  if (std::exchange(state.is_refused, false))
    log::info("app", "rung is admitted again channel={} rung={}", like_.channel,
              state.request.rung.name);
  state.place = std::move(place).value();
  return true;
}

void RungAdmission::refuse(State& state, const std::string& why, TimePoint now) {
  state.retry_at = now + kRetryAfter;
  if (std::exchange(state.is_refused, true)) return;
  log::warning("app", "rung is refused channel={} rung={} reason=\"{}\"", like_.channel,
               state.request.rung.name, why);
}

void RungAdmission::show() {
  const auto refused = static_cast<std::size_t>(std::count_if(
      rungs_.begin(), rungs_.end(), [](const State& state) { return state.is_refused; }));
  refused_.add(static_cast<double>(refused) - static_cast<double>(shown_));
  shown_ = refused;
}

}  // namespace millrace::app
