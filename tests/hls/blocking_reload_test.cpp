#include "hls/blocking_reload.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

// Segment 10 is complete with parts 0 to 9, segment 11 is open with parts 0 to 3.
const PlaylistEdge kOpen{.last_complete = 10, .newest_part = {11, 3}, .advance_parts = 15};
// The same before the first part of segment 11.
const PlaylistEdge kBetween{.last_complete = 10, .newest_part = {10, 9}, .advance_parts = 15};

ReloadAnswer ask(const PlaylistEdge& edge, std::optional<SegmentNumber> segment,
                 std::optional<std::uint64_t> part = {}) {
  return decide_reload({.media_sequence_number = segment, .part = part}, edge).answer;
}

}  // namespace

// The decision table of blocking reloads, row by row.
TEST_CASE("what is there is answered at once, however old", "[reload]") {
  CHECK(ask(kOpen, {}) == ReloadAnswer::kAtOnce);
  CHECK(ask(kOpen, 0) == ReloadAnswer::kAtOnce);
  CHECK(ask(kOpen, 10) == ReloadAnswer::kAtOnce);
  CHECK(ask(kOpen, 10, 9) == ReloadAnswer::kAtOnce);
  CHECK(ask(kOpen, 11, 0) == ReloadAnswer::kAtOnce);
  CHECK(ask(kOpen, 11, 3) == ReloadAnswer::kAtOnce);
}

TEST_CASE("a segment without a part is held until it is complete", "[reload]") {
  CHECK(ask(kOpen, 11) == ReloadAnswer::kHeld);
  CHECK(ask(kBetween, 11) == ReloadAnswer::kHeld);
}

TEST_CASE("the next part is held, and some beyond it", "[reload]") {
  CHECK(ask(kOpen, 11, 4) == ReloadAnswer::kHeld);
  CHECK(ask(kOpen, 11, 18) == ReloadAnswer::kHeld);
  CHECK(ask(kBetween, 11, 0) == ReloadAnswer::kHeld);
}

TEST_CASE("a part past a segment's end is part 0 of the next", "[reload]") {
  CHECK(ask(kOpen, 10, 10) == ReloadAnswer::kAtOnce);
  CHECK(ask(kOpen, 9, 50) == ReloadAnswer::kAtOnce);
  CHECK(ask(kBetween, 10, 10) == ReloadAnswer::kHeld);
}

TEST_CASE("the segment after the open one is held, the one after that refused", "[reload]") {
  CHECK(ask(kOpen, 12) == ReloadAnswer::kHeld);
  CHECK(ask(kOpen, 12, 0) == ReloadAnswer::kHeld);
  CHECK(ask(kOpen, 13) == ReloadAnswer::kRefused);
  CHECK(ask(kOpen, 13, 0) == ReloadAnswer::kRefused);
  CHECK(ask(kOpen, std::numeric_limits<SegmentNumber>::max()) == ReloadAnswer::kRefused);
}

TEST_CASE("a part beyond the limit is refused", "[reload]") {
  CHECK(ask(kOpen, 11, 19) == ReloadAnswer::kRefused);
  CHECK(ask(kOpen, 12, 500) == ReloadAnswer::kRefused);
}

TEST_CASE("the limit is three seconds of parts, or three parts", "[reload]") {
  CHECK(advance_part_limit(200ms) == 15);
  CHECK(advance_part_limit(213'340us) == 15);
  CHECK(advance_part_limit(334ms) == 9);
  CHECK(advance_part_limit(1s) == 3);
  CHECK(advance_part_limit(0ms) == 3);
}

TEST_CASE("a held request is reached by what it asked for and nothing before", "[reload]") {
  const auto held = decide_reload({.media_sequence_number = 10, .part = 10}, kBetween);
  REQUIRE(held.answer == ReloadAnswer::kHeld);
  CHECK_FALSE(kBetween.reached(held.wait_for));
  CHECK(PlaylistEdge{.last_complete = 10, .newest_part = {11, 0}}.reached(held.wait_for));

  const auto whole = decide_reload({.media_sequence_number = 11, .part = {}}, kOpen);
  CHECK_FALSE(PlaylistEdge{.last_complete = 10, .newest_part = {11, 9}}.reached(whole.wait_for));
  CHECK(PlaylistEdge{.last_complete = 11, .newest_part = {11, 9}}.reached(whole.wait_for));
}
