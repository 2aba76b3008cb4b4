#include "transcode/worker/server_clock.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace millrace::transcode;
using namespace millrace::transcode::worker;

namespace {

using TimePoint = ServerClock::TimePoint;
constexpr TimePoint kServers(1000h), kOurs(7h);

}  // namespace

TEST_CASE("a server on the same machine has our clock", "[server_clock]") {
  ServerClock clock(ServerPlace::kSameMachine);
  clock.heard(kServers, kOurs);
  CHECK(clock.ours(kServers) == kServers);
}

TEST_CASE("on another machine a packet was received when it came", "[server_clock]") {
  ServerClock clock(ServerPlace::kOtherMachine);
  clock.heard(kServers, kOurs);
  CHECK(clock.ours(kServers) == kOurs);
  CHECK(clock.ours(kServers + 300ms) == kOurs + 300ms);
}

TEST_CASE("a packet that was kept on its way is as old as that", "[server_clock]") {
  ServerClock clock(ServerPlace::kOtherMachine);
  clock.heard(kServers, kOurs);
  clock.heard(kServers + 1s, kOurs + 1500ms);
  CHECK(clock.ours(kServers + 1s) == kOurs + 1s);
}

TEST_CASE("the old packets that a worker begins with say nothing of the clocks", "[server_clock]") {
  ServerClock clock(ServerPlace::kOtherMachine);
  for (int i = 0; i < 50; ++i) clock.heard(kServers - 2s + i * 40ms, kOurs);
  clock.heard(kServers, kOurs);
  CHECK(clock.ours(kServers) == kOurs);
}

TEST_CASE("clocks that drift apart are followed", "[server_clock]") {
  ServerClock clock(ServerPlace::kOtherMachine);
  // A hundredth of a percent, for a day.
  for (std::chrono::nanoseconds passed = 0s; passed < 24h; passed += 1s)
    clock.heard(kServers + passed, kOurs + passed + passed / 10'000);
  const auto error =
      clock.ours(kServers + 24h) - (kOurs + 24h + std::chrono::nanoseconds(24h) / 10'000);
  CHECK(error <= 0ns);
  CHECK(error > -10ms);
}
