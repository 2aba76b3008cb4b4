#include "ingest/gst/failover.h"

#include <algorithm>
#include <utility>

namespace millrace::ingest {
namespace {

// A run of a file or another source that is to be repeated is begun anew at once only where it was
// longer: an empty one would be begun without end.
constexpr std::chrono::seconds kShortestRepeated{1};

}  // namespace

std::string_view to_string(Failover::Failure why) {
  switch (why) {
    case Failover::Failure::kEnded:
      return "ended";
    case Failover::Failure::kError:
      return "error";
    case Failover::Failure::kNoStart:
      return "no_start";
    case Failover::Failure::kSilence:
      return "silence";
  }
  return "unknown";
}

Failover::Failover(std::size_t sources, PullTiming timing, std::function<double()> random)
    : timing_(timing), random_(std::move(random)), sources_(sources) {}

bool Failover::is_running(const Source& source) const {
  return source.state == State::kConnecting || source.state == State::kStandby ||
         source.state == State::kOnAir;
}

/// What is worse than the one on air rests; what is better is tried. With none on air each is tried
/// once those before it have failed.
bool Failover::is_wanted(std::size_t index) const {
  if (is_paused_) return false;
  if (on_air_) return index <= *on_air_;
  return std::all_of(sources_.begin(), sources_.begin() + static_cast<std::ptrdiff_t>(index),
                     [](const Source& better) { return better.failures > 0; });
}

std::chrono::nanoseconds Failover::back_off(int failures) {
  std::chrono::nanoseconds delay = timing_.retry;
  for (int i = 1; i < failures && delay < timing_.longest_retry; ++i) delay *= 2;
  delay = std::min<std::chrono::nanoseconds>(delay, timing_.longest_retry);
  // A fleet that lost one source at once must not come back at once.
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(delay.count()) * (1 - random_() / 4)));
}

void Failover::leave_air(std::size_t index) {
  if (on_air_ == index) on_air_.reset();
}

void Failover::fail(Source& source, TimePoint now) {
  source.next_try = now + back_off(++source.failures);
  source.state = State::kStopping;
}

void Failover::check_deadlines(std::size_t index, TimePoint now, std::vector<Command>& commands) {
  Source& source = sources_[index];
  std::optional<Failure> why;
  if (source.state == State::kConnecting && now - source.started_at >= timing_.start_timeout)
    why = Failure::kNoStart;
  if ((source.state == State::kStandby || source.state == State::kOnAir) &&
      now - source.delivered_at >= timing_.silence_timeout)
    why = Failure::kSilence;
  if (!why) return;
  fail(source, now);
  leave_air(index);
  commands.push_back({Command::Kind::kStop, index, why});
}

std::vector<Failover::Command> Failover::step(TimePoint now) {
  std::vector<Command> commands = std::exchange(ended_, {});
  for (std::size_t i = 0; i < sources_.size(); ++i) check_deadlines(i, now, commands);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    if (!is_wanted(i)) {
      if (is_running(source)) {
        leave_air(i);
        source.state = State::kStopping;
        source.failures = 0;
        source.next_try = now;
        commands.push_back({Command::Kind::kStop, i});
      }
      if (source.state == State::kWaiting) source.state = State::kIdle;
      continue;
    }
    if (source.state == State::kIdle) source.state = State::kWaiting;
    if (source.state != State::kWaiting || now < source.next_try) continue;
    source.state = State::kConnecting;
    source.started_at = now;
    commands.push_back({Command::Kind::kStart, i});
  }
  return commands;
}

bool Failover::delivered(std::size_t index, bool may_open, TimePoint now) {
  Source& source = sources_[index];
  if (!is_running(source)) return false;
  source.delivered_at = now;
  if (source.state == State::kConnecting) {
    source.state = State::kStandby;
    source.good_since = now;
  }
  const bool is_good = now - source.good_since >= timing_.return_after;
  if (is_good) source.failures = 0;
  if (source.state == State::kOnAir) return true;
  if (!may_open || (on_air_ && (index > *on_air_ || !is_good))) return false;
  if (on_air_) sources_[*on_air_].state = State::kStandby;  // Not wanted from here on.
  source.state = State::kOnAir;
  on_air_ = index;
  return true;
}

void Failover::ended(std::size_t index, Failure why, bool is_to_be_repeated, TimePoint now) {
  Source& source = sources_[index];
  if (!is_running(source)) return;
  const bool is_repeated = why == Failure::kEnded && is_to_be_repeated &&
                           source.state != State::kConnecting &&
                           now - source.good_since >= kShortestRepeated;
  fail(source, now);
  if (is_repeated) {
    source.failures = 0;
    source.next_try = now;
  }
  leave_air(index);
  ended_.push_back(
      {Command::Kind::kStop, index, is_repeated ? std::nullopt : std::optional<Failure>(why)});
}

void Failover::came_to_rest(std::size_t index) {
  if (sources_[index].state == State::kStopping) sources_[index].state = State::kWaiting;
}

void Failover::pause() {
  is_paused_ = true;
}

void Failover::resume(TimePoint now) {
  if (!std::exchange(is_paused_, false)) return;
  for (Source& source : sources_) {
    source.next_try = now;
    source.failures = 0;  // The first one first.
  }
}

}  // namespace millrace::ingest
