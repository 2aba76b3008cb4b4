#include "ingest/gst/failover.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/fake_clock.h"

using namespace std::chrono_literals;
using namespace millrace::ingest;
using State = Failover::State;
using Failure = Failover::Failure;

namespace {

constexpr PullTiming kTiming{.start_timeout = 10s,
                             .silence_timeout = 5s,
                             .retry = 500ms,
                             .longest_retry = 4s,
                             .return_after = 10s};

/// Plays the sources' part: what is stopped comes to rest at once, unless told otherwise.
struct Sources {
  explicit Sources(std::size_t count, double share = 0)
      : failover(count, kTiming, [share] { return share; }) {}

  /// "start0 stop1:silence"
  std::string step() {
    std::string text;
    for (const auto& command : failover.step(clock.steady_now())) {
      const bool starts = command.kind == Failover::Command::Kind::kStart;
      text += (text.empty() ? "" : " ") + std::string(starts ? "start" : "stop") +
              std::to_string(command.source);
      if (command.why) text += ":" + std::string(to_string(*command.why));
      if (!starts && comes_to_rest) failover.came_to_rest(command.source);
    }
    return text;
  }
  std::string after(std::chrono::nanoseconds time) {
    clock.advance(time);
    return step();
  }
  bool deliver(std::size_t source, bool may_open = true) {
    return failover.delivered(source, may_open, clock.steady_now());
  }
  void end(std::size_t source, Failure why = Failure::kError, bool is_repeated = false) {
    failover.ended(source, why, is_repeated, clock.steady_now());
  }
  /// Delivers once a second for so long; the last answer.
  bool deliver_for(std::size_t source, std::chrono::seconds time) {
    bool is_on_air = false;
    for (auto i = 0s; i < time; ++i) {
      clock.advance(1s);
      is_on_air = deliver(source);
    }
    return is_on_air;
  }

  millrace::test::FakeClock clock;
  Failover failover;
  bool comes_to_rest = true;
};

}  // namespace

TEST_CASE("the first source starts alone and goes on air with what may open", "[failover]") {
  Sources sources(2);
  CHECK(sources.step() == "start0");
  CHECK_FALSE(sources.deliver(0, false));
  CHECK_FALSE(sources.failover.on_air());
  CHECK(sources.deliver(0, true));
  CHECK(sources.deliver(0, false));
  CHECK(sources.failover.state(0) == State::kOnAir);
  CHECK(sources.step().empty());
}

TEST_CASE("a source that fails hands over to the next at once", "[failover]") {
  Sources sources(3);
  sources.step();
  sources.deliver(0);
  sources.end(0);
  CHECK(sources.step() == "stop0:error start1");
  CHECK(sources.deliver(1));
  CHECK(sources.failover.on_air() == 1);
}

TEST_CASE("a source that delivers nothing from its start, or any more, has failed", "[failover]") {
  Sources sources(1);
  sources.step();
  CHECK(sources.after(9s).empty());
  CHECK(sources.after(1s) == "stop0:no_start");
  CHECK(sources.after(500ms) == "start0");
  sources.deliver(0);
  CHECK(sources.after(4s).empty());
  sources.deliver(0);
  CHECK(sources.after(4s).empty());
  CHECK(sources.after(1s) == "stop0:silence");
  CHECK_FALSE(sources.failover.on_air());
}

TEST_CASE("pauses between attempts double up to the longest, and are jittered", "[failover]") {
  const auto share = GENERATE(0.0, 1.0);
  Sources sources(1, share);
  sources.step();
  for (const auto pause : {500ms, 1'000ms, 2'000ms, 4'000ms, 4'000ms}) {
    sources.end(0);
    CHECK(sources.step() == "stop0:error");
    const auto expected = share == 0.0 ? pause : pause * 3 / 4;
    CHECK(sources.after(expected - 1ms).empty());
    CHECK(sources.after(1ms) == "start0");
  }
}

TEST_CASE("the primary is probed beside the backup, which it replaces when good", "[failover]") {
  Sources sources(2);
  sources.step();
  sources.deliver(0);
  sources.end(0);
  sources.step();
  sources.deliver(1);
  CHECK(sources.after(500ms) == "start0");
  CHECK_FALSE(sources.deliver(0));
  CHECK(sources.failover.state(0) == State::kStandby);
  for (int i = 0; i < 9; ++i) {
    sources.clock.advance(1s);
    CHECK(sources.deliver(1));
    CHECK_FALSE(sources.deliver(0));
    CHECK(sources.step().empty());
  }
  sources.clock.advance(1s);
  CHECK_FALSE(sources.deliver(0, false));  // Good, but viewers could not decode it.
  CHECK(sources.failover.on_air() == 1);
  CHECK(sources.deliver(0, true));
  CHECK_FALSE(sources.deliver(1));  // Its last packets do not take it back.
  CHECK(sources.step() == "stop1");
  CHECK(sources.failover.on_air() == 0);
  CHECK(sources.failover.failures(0) == 0);
}

TEST_CASE("a primary that fails while it is probed is tried later and later", "[failover]") {
  Sources sources(2);
  sources.step();
  sources.end(0);
  sources.step();
  sources.deliver(1);
  CHECK(sources.after(500ms) == "start0");
  sources.deliver(0);
  sources.end(0);
  CHECK(sources.step() == "stop0:error");
  sources.deliver(1);
  CHECK(sources.after(999ms).empty());
  CHECK(sources.after(1ms) == "start0");
  CHECK(sources.failover.on_air() == 1);
}

TEST_CASE("where the backup fails, a primary that delivers goes on air at once", "[failover]") {
  Sources sources(2);
  sources.step();
  sources.end(0);
  sources.step();
  sources.deliver(1);
  sources.after(500ms);
  CHECK_FALSE(sources.deliver(0));
  sources.end(1);
  CHECK(sources.step() == "stop1:error");
  CHECK(sources.deliver(0));
}

TEST_CASE("with no source good, all are tried for ever", "[failover]") {
  Sources sources(2);
  sources.step();
  for (int i = 0; i < 1'000; ++i) {
    sources.end(0);
    sources.end(1);
    sources.after(4s);
    sources.step();
    CHECK(sources.failover.state(0) == State::kConnecting);
    CHECK(sources.failover.state(1) == State::kConnecting);
  }
}

TEST_CASE("a source is not started before its last run has come to rest", "[failover]") {
  Sources sources(1);
  sources.comes_to_rest = false;
  sources.step();
  sources.end(0);
  sources.step();
  CHECK(sources.after(1min).empty());
  sources.failover.came_to_rest(0);
  CHECK(sources.step() == "start0");
}

TEST_CASE("what is to be repeated begins anew at once, unless it was empty", "[failover]") {
  Sources sources(2);
  sources.step();
  sources.deliver(0);
  sources.deliver_for(0, 2s);
  sources.end(0, Failure::kEnded, true);
  CHECK(sources.step() == "stop0");
  CHECK(sources.step() == "start0");
  CHECK(sources.failover.failures(0) == 0);
  sources.deliver(0);
  sources.end(0, Failure::kEnded, true);
  CHECK(sources.step() == "stop0:ended start1");
}

TEST_CASE("sources rest while a publisher has the channel, then the first is first", "[failover]") {
  Sources sources(2);
  sources.step();
  sources.end(0);
  sources.step();
  sources.deliver(1);
  sources.failover.pause();
  CHECK(sources.step() == "stop1");
  CHECK(sources.after(1h).empty());
  CHECK_FALSE(sources.failover.on_air());
  CHECK_FALSE(sources.deliver(1));
  sources.failover.resume(sources.clock.steady_now());
  CHECK(sources.step() == "start0");
}
