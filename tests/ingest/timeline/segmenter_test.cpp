#include "ingest/timeline/segmenter.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using millrace::MediaTime;
using millrace::ingest::Segmenter;

namespace {

// Segment starts, in ms, of `seconds` of 40 ms frames with a key frame at each of `key_frames`.
template <typename IsKey>
std::vector<int> starts(Segmenter& segmenter, int frames, IsKey is_key) {
  std::vector<int> result;
  for (int i = 0; i < frames; ++i)
    if (const auto segment = segmenter.on_frame(i * 40ms, 40ms, is_key(i)))
      result.push_back(static_cast<int>(segment->start / 1ms));
  return result;
}
auto every(int frames) {
  return [frames](int i) { return i % frames == 0; };
}

}  // namespace

TEST_CASE("a GOP of the target's length is a segment", "[timeline]") {
  Segmenter segmenter(2s, 0s, 100);
  CHECK(starts(segmenter, 160, every(50)) == std::vector<int>{0, 2000, 4000, 6000});
  CHECK(segmenter.promised_target() == 2s);
}

TEST_CASE("short GOPs are gathered up to the target", "[timeline]") {
  Segmenter segmenter(2s, 0s, 0);
  CHECK(starts(segmenter, 160, every(25)) == std::vector<int>{0, 2000, 4000, 6000});
}

TEST_CASE("a key frame opens a segment where waiting would end farther from the target",
          "[timeline]") {
  Segmenter segmenter(2s, 0s, 0);
  // GOPs of 1.4 s: 1.4 is nearer to 2 than 2.8 is.
  CHECK(starts(segmenter, 110, every(35)) == std::vector<int>{0, 1400, 2800, 4200});
}

TEST_CASE("a first GOP longer than the target is promised", "[timeline]") {
  Segmenter segmenter(2s, 0s, 0);
  CHECK(starts(segmenter, 520, every(200)) == std::vector<int>{0, 8000, 16000});
  CHECK(segmenter.promised_target() == 8s);
}

TEST_CASE("the promise is made at the end of the first GOP and not before", "[timeline]") {
  Segmenter segmenter(2s, 0s, 0);
  starts(segmenter, 50, every(50));
  CHECK(segmenter.promised_target() == 0s);
  segmenter.on_frame(2s, 40ms, true);
  CHECK(segmenter.promised_target() == 2s);
}

TEST_CASE("a later GOP that does not fit the promise is cut between key frames", "[timeline]") {
  Segmenter segmenter(2s, 0s, 0);
  // Two GOPs of 2 s, then none for 8 s, again and again.
  const auto result = starts(
      segmenter, 500, [](int i) { return i == 0 || i == 50 || (i >= 100 && i % 200 == 100); });
  for (std::size_t i = 1; i < result.size(); ++i) {
    CHECK(result[i] - result[i - 1] <= 2499);
  }
  CHECK(segmenter.promised_target() == 2s);
  CHECK(result.back() >= 18'000);
}

TEST_CASE("a first GOP without end is cut after ten seconds", "[timeline]") {
  Segmenter segmenter(2s, 0s, 0);
  CHECK(starts(segmenter, 300, [](int i) { return i == 0; }) == std::vector<int>{0, 10480});
  CHECK(segmenter.promised_target() == 10s);
}

TEST_CASE("a promise remembered from an earlier show holds from the first frame", "[timeline]") {
  Segmenter segmenter(2s, 8s, 0);
  CHECK(segmenter.promised_target() == 8s);
  CHECK(starts(segmenter, 120, every(50)) == std::vector<int>{0, 2000, 4000});
}

TEST_CASE("a forced discontinuity opens a segment at whatever frame comes next", "[timeline]") {
  Segmenter segmenter(2s, 0s, 7);
  starts(segmenter, 60, every(50));
  segmenter.force_discontinuity();
  const auto segment = segmenter.on_frame(2400ms, 40ms, false);
  REQUIRE(segment.has_value());
  CHECK(segment->starts_discontinuity);
  CHECK(segment->number == 9);
  CHECK_FALSE(segmenter.on_frame(2440ms, 40ms, false).has_value());
}
