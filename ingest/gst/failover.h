#pragma once
// Which of a channel's sources run, and which one is on air: the first that is good. Pure: it is
// told what happens, and says what is to be done. One thread.
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "ingest/ingest.h"

namespace millrace::ingest {

class Failover {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  enum class State {
    kIdle,        ///< Not wanted: a better one is on air, or a publisher.
    kWaiting,     ///< To be tried again.
    kConnecting,  ///< Started, and has delivered nothing yet.
    kStandby,     ///< Delivers, while another is on air.
    kOnAir,
    kStopping,  ///< Its last run has not come to rest.
  };
  enum class Failure { kEnded, kError, kNoStart, kSilence };

  /// What is to be done with a source.
  struct Command {
    enum class Kind { kStart, kStop };
    Kind kind;
    std::size_t source;
    std::optional<Failure> why{};  ///< Of a stop: it has failed.
  };

  /// `random`: 0 to 1, for the jitter.
  Failover(std::size_t sources, PullTiming timing, std::function<double()> random);

  /// Time has passed, or something was told: what is to be done now.
  std::vector<Command> step(TimePoint now);

  /// A running source has delivered. `may_open`: a picture that decoding can start at, or sound of
  /// a source without pictures. True: it goes on air with what it has delivered, or is there.
  bool delivered(std::size_t source, bool may_open, TimePoint now);
  /// A run has ended by itself: stop it. kEnded in order, where `is_to_be_repeated`, is no failure.
  void ended(std::size_t source, Failure why, bool is_to_be_repeated, TimePoint now);
  /// What a kStop asked for has come about.
  void came_to_rest(std::size_t source);
  /// A publisher has the channel: nothing runs. Until resume().
  void pause();
  void resume(TimePoint now);

  bool is_paused() const { return is_paused_; }
  State state(std::size_t source) const { return sources_[source].state; }
  std::optional<std::size_t> on_air() const { return on_air_; }
  /// Runs in a row that have failed, and when the next one comes.
  int failures(std::size_t source) const { return sources_[source].failures; }
  TimePoint next_try(std::size_t source) const { return sources_[source].next_try; }

 private:
  struct Source {
    State state = State::kIdle;
    TimePoint started_at{};
    TimePoint good_since{};  ///< First delivery of the run.
    TimePoint delivered_at{};
    TimePoint next_try{};
    int failures = 0;
  };

  bool is_running(const Source& source) const;
  bool is_wanted(std::size_t index) const;
  void fail(Source& source, TimePoint now);
  void leave_air(std::size_t index);
  void check_deadlines(std::size_t index, TimePoint now, std::vector<Command>& commands);
  std::chrono::nanoseconds back_off(int failures);

  const PullTiming timing_;
  const std::function<double()> random_;
  std::vector<Source> sources_;
  std::vector<Command> ended_;  ///< Runs that have ended by themselves since the last step.
  std::optional<std::size_t> on_air_;
  bool is_paused_ = false;
};

/// For the metric: "ended", "error", "no_start", "silence".
std::string_view to_string(Failover::Failure why);

}  // namespace millrace::ingest
