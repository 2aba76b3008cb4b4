#include "transcode/on_demand_ladder.h"

#include <csignal>

#include "tests/transcode/ladder_show.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::size_t kGroup = 30;

std::vector<EncodedPacket> clip_of(int groups) {
  return make_clip({.frames = groups * static_cast<int>(kGroup), .gop = kGroup});
}

/// Two rungs of which none is wanted yet.
struct Idle : Show {
  explicit Idle(int groups, std::vector<bool> wanted = {false, false},
                transcode::Profile profile = transcode::Profile::kRealtime)
      : Show(clip_of(groups), MILLRACE_TRANSCODER, profile, std::move(wanted)) {
    is_feeding = false;
  }
  /// The clip's packets up to `until` go in, no faster than what runs follows: on a busy machine
  /// they would be dropped.
  void feed_until(std::size_t until) {
    while (fed < until) {
      EncodedPacket packet = clip[fed++];
      packet.received_at = std::chrono::steady_clock::now() + 1h;  // None is late.
      REQUIRE(ladder->push(std::move(packet)).has_value());
      if (fed % 5 == 0) REQUIRE(run([this] { return follows(large) && follows(small); }));
    }
  }
  bool follows(const RecordingSink& output) const {
    constexpr auto kAhead = 14 * 33'333'333ns;
    return output.packets.empty() || output.is_finished ||
           output.newest() + kAhead >= clip[fed - 1].pts;
  }
  std::vector<EncodedPacket> packets(std::size_t begin, std::size_t end) const {
    return {clip.begin() + static_cast<std::ptrdiff_t>(begin),
            clip.begin() + static_cast<std::ptrdiff_t>(end)};
  }
  /// What has gone in since the running segment opened.
  std::vector<EncodedPacket> backlog() const { return packets((fed - 1) / kGroup * kGroup, fed); }
  bool run_until(const RecordingSink& output, std::size_t count) {
    return run([&] { return output.packets.size() >= count; });
  }
};

/// As the clip's from its picture `first` on, whole and decodable.
void check_part(const RecordingSink& output, const std::vector<EncodedPacket>& clip,
                std::size_t first, std::size_t end) {
  check_rung(output,
             {clip.begin() + static_cast<std::ptrdiff_t>(first),
              clip.begin() + static_cast<std::ptrdiff_t>(end)},
             1ns);  // Where one encoder ends and another begins.
}

}  // namespace

TEST_CASE("a ladder that nobody wants has no worker", "[ladder]") {
  Idle show(3);
  show.feed_until(show.clip.size());
  CHECK(show.workers() == 0);
  bool is_drained = false;
  REQUIRE(show.ladder->finish().has_value());
  is_drained = show.run([&show] { return show.workers() == 0; });
  CHECK(is_drained);
  CHECK(show.large.packets.empty());
}

TEST_CASE("a rung that is wanted begins with the running segment, the others stay away",
          "[ladder]") {
  Idle show(3);
  show.feed_until(kGroup + 17);
  show.ladder->want({false, true}, {show.backlog()});
  CHECK(show.workers() == 1);
  REQUIRE(show.run_until(show.small, 17));
  show.feed_until(show.clip.size());
  REQUIRE(show.run_until(show.small, 2 * kGroup));
  check_part(show.small, show.clip, kGroup, 3 * kGroup);
  CHECK(show.large.packets.empty());
  CHECK(show.workers() == 1);
}

TEST_CASE("segments before the backlog are made once it has opened, for outputs of their own",
          "[ladder]") {
  Idle show(4, {false, false}, transcode::Profile::kBalanced);
  show.feed_until(3 * kGroup + 17);
  show.ladder->want({false, true}, {show.backlog(), show.packets(kGroup, 3 * kGroup)});
  CHECK(show.workers() == 1);
  REQUIRE(show.run([&show] {
    CHECK((show.older_small.packets.empty() || !show.small.packets.empty()));
    return show.older_small.is_finished;
  }));
  check_part(show.older_small, show.clip, kGroup, 3 * kGroup);
  CHECK(show.older_large.packets.empty());
  CHECK_FALSE(show.older_large.is_finished);
  // They cost the rung nothing.
  show.feed_until(show.clip.size());
  REQUIRE(show.ladder->finish().has_value());
  REQUIRE(show.run([&show] { return show.small.is_finished; }));
  check_part(show.small, show.clip, 3 * kGroup, 4 * kGroup);
  CHECK(show.workers() == 0);
  CHECK(show.restarts() == 0);
}

TEST_CASE("segments before the backlog end with who wanted them", "[ladder]") {
  Idle show(4);
  show.feed_until(3 * kGroup + 17);
  show.ladder->want({false, true}, {show.backlog(), show.packets(kGroup, 3 * kGroup)});
  SECTION("when it is wanted no more") {
    show.ladder->want({false, false}, {});
  }
  SECTION("when the show is over") {
    REQUIRE(show.ladder->finish().has_value());
  }
  CHECK(show.older_small.is_finished);
  CHECK(show.older_small.packets.empty());
}

TEST_CASE("without a backlog a wanted rung begins with the next segment", "[ladder]") {
  Idle show(3);
  show.feed_until(17);
  show.ladder->want({true, false}, {});
  CHECK(show.workers() == 0);
  show.feed_until(show.clip.size());
  REQUIRE(show.run_until(show.large, 2 * kGroup));
  check_part(show.large, show.clip, kGroup, 3 * kGroup);
}

TEST_CASE("a further rung does not interrupt the one that runs, and shares its worker in the end",
          "[ladder]") {
  // The second one's encoder holds pictures back, which come when its successor's wait already.
  const auto profile = GENERATE(transcode::Profile::kRealtime, transcode::Profile::kBalanced);
  const std::size_t held = profile == transcode::Profile::kBalanced ? 6 : 0;
  Idle show(4, {true, false}, profile);
  show.feed_until(kGroup + 12);
  REQUIRE(show.run_until(show.large, kGroup + 12 - held));
  show.ladder->want({true, true}, {show.backlog()});
  CHECK(show.workers() == 2);
  REQUIRE(show.run_until(show.small, 12 - held));
  show.feed_until(3 * kGroup + 12);
  REQUIRE(show.run_until(show.large, 3 * kGroup + 12 - held));
  REQUIRE(show.run_until(show.small, 2 * kGroup + 12 - held));
  REQUIRE(show.run([&show] { return show.workers() == 1; }));
  show.feed_until(show.clip.size());
  REQUIRE(show.ladder->finish().has_value());
  REQUIRE(show.run_until(show.large, 4 * kGroup));
  REQUIRE(show.run_until(show.small, 3 * kGroup));
  check_part(show.large, show.clip, 0, 4 * kGroup);
  check_part(show.small, show.clip, kGroup, 4 * kGroup);
  CHECK(show.restarts() == 0);
}

TEST_CASE("a rung that nobody wants any more ends with its segment, and may begin again",
          "[ladder]") {
  Idle show(6, {true, true});
  show.feed_until(kGroup + 12);
  show.ladder->want({true, false}, {});
  show.feed_until(2 * kGroup + 3);
  REQUIRE(show.run([&show] { return show.small.is_finished && show.workers() == 1; }));
  check_part(show.small, show.clip, 0, 2 * kGroup);
  show.ladder->want({false, false}, {});
  show.feed_until(3 * kGroup + 3);
  REQUIRE(show.run([&show] { return show.large.is_finished && show.workers() == 0; }));
  check_part(show.large, show.clip, 0, 3 * kGroup);

  show.feed_until(4 * kGroup + 3);
  show.small.packets.clear();
  show.ladder->want({false, true}, {show.backlog()});
  show.feed_until(show.clip.size());
  REQUIRE(show.run_until(show.small, 2 * kGroup));
  check_part(show.small, show.clip, 4 * kGroup, 6 * kGroup);
}

TEST_CASE("what is wanted again before its segment ends goes on as if nothing had been",
          "[ladder]") {
  Idle show(3, {true, true});
  show.feed_until(kGroup + 12);
  show.ladder->want({true, false}, {});
  show.feed_until(kGroup + 20);
  show.ladder->want({true, true}, {show.backlog()});
  CHECK(show.workers() == 1);
  show.feed_until(show.clip.size());
  REQUIRE(show.run_until(show.small, 3 * kGroup));
  check_part(show.small, show.clip, 0, 3 * kGroup);
}

TEST_CASE("a worker that has drained before its predecessor still hands over what it had",
          "[ladder]") {
  Idle show(4, {true, true});
  show.feed_until(kGroup - 1);
  REQUIRE(show.run_until(show.large, kGroup - 1));
  const int first = child_process();
  REQUIRE(first > 0);
  ::kill(first, SIGSTOP);
  const auto feed = [&show](std::size_t until) {
    while (show.fed < until) {
      EncodedPacket packet = show.clip[show.fed++];
      packet.received_at = std::chrono::steady_clock::now() + 1h;
      REQUIRE(show.ladder->push(std::move(packet)).has_value());
      show.loop.poll();
    }
  };
  // One worker for the large rung alone takes over, and ends with its segment.
  show.ladder->want({true, false}, {});
  feed(kGroup + 10);
  REQUIRE(show.workers() == 2);
  show.ladder->want({false, false}, {});
  feed(2 * kGroup + 1);
  REQUIRE(show.run([&show] { return show.workers() == 1; }));
  CHECK(show.large.packets.size() == kGroup - 1);
  CHECK_FALSE(show.large.is_finished);
  ::kill(first, SIGKILL);
  REQUIRE(show.run([&show] { return show.large.is_finished && show.small.is_finished; }));
  CHECK(show.large.packets.size() == 2 * kGroup - 1);
  CHECK(show.small.packets.size() == kGroup - 1);
}

TEST_CASE("a rung's description is what its worker announces", "[ladder]") {
  Idle show(2, {true, true});
  show.feed_until(kGroup);
  REQUIRE(show.run_until(show.large, kGroup));
  const auto described = transcode::describe_rung(
      {"large", 160, 90, 200'000}, transcode::Profile::kRealtime, *show.clip.front().track, 200ms);
  REQUIRE(described.has_value());
  CHECK(described.value() == *show.large.packets.front().track);
  CHECK_FALSE(transcode::describe_rung({"huge", 16'384, 8'192, 200'000},
                                       transcode::Profile::kRealtime, *show.clip.front().track,
                                       200ms)
                  .has_value());
}
