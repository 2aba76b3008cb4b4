#include "ingest/timeline/frame_grid.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using millrace::MediaTime;
using millrace::Rational;
using millrace::ingest::candidate_rates;
using millrace::ingest::FrameGrid;

namespace {

// As RTMP says it: the n-th frame's time cut off to milliseconds.
std::vector<MediaTime> in_milliseconds(Rational rate, int frames) {
  std::vector<MediaTime> times;
  for (int i = 0; i < frames; ++i)
    times.push_back(std::chrono::milliseconds(1000 * rate.denominator * i / rate.numerator));
  return times;
}

}  // namespace

TEST_CASE("a grid is found again behind timestamps rounded to milliseconds", "[timeline]") {
  for (const Rational rate : {Rational{30, 1}, Rational{25, 1}, Rational{60, 1}, Rational{24, 1},
                              Rational{50, 1}, Rational{15, 1}}) {
    const auto grid = FrameGrid::fit(in_milliseconds(rate, 16), candidate_rates(0, {}));
    REQUIRE(grid.has_value());
    CHECK(grid->rate() == rate);
  }
}

TEST_CASE("what the encoder announces decides between rates that look alike", "[timeline]") {
  const auto times = in_milliseconds({30000, 1001}, 16);
  CHECK(FrameGrid::fit(times, candidate_rates(29.97, {}))->rate() == Rational{30000, 1001});
  CHECK(FrameGrid::fit(times, candidate_rates(0, {30000, 1001}))->rate() == Rational{30000, 1001});
}

TEST_CASE("an announced rate that the timestamps contradict is not believed", "[timeline]") {
  const auto grid = FrameGrid::fit(in_milliseconds({25, 1}, 16), candidate_rates(60, {}));
  REQUIRE(grid.has_value());
  CHECK(grid->rate() == Rational{25, 1});
}

TEST_CASE("a rate that varies has no grid", "[timeline]") {
  std::vector<MediaTime> times{0ms};
  for (const auto step : {33ms, 41ms, 25ms, 70ms, 33ms, 12ms, 55ms, 33ms, 38ms, 29ms})
    times.push_back(times.back() + step);
  CHECK_FALSE(FrameGrid::fit(times, candidate_rates(30, {})).has_value());
}

TEST_CASE("a skipped frame does not hide the grid", "[timeline]") {
  auto times = in_milliseconds({30, 1}, 20);
  times.erase(times.begin() + 7);
  const auto grid = FrameGrid::fit(times, candidate_rates(0, {}));
  REQUIRE(grid.has_value());
  CHECK(grid->rate() == Rational{30, 1});
}

TEST_CASE("slots of a grid do not drift over a day", "[timeline]") {
  const FrameGrid grid(0s, {30000, 1001});
  const std::int64_t a_day = 24ll * 3600 * 30000 / 1001;
  CHECK(grid.nearest_slot(grid.time_of(a_day)) == a_day);
  CHECK(grid.time_of(30000) == 1001s);
}
