#include "transcode/frame_thinner.h"

#include <vector>

#include "tests/transcode/picture.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

struct Kept {
  int number;
  MediaTime duration;
  friend bool operator==(const Kept&, const Kept&) = default;
};

std::ostream& operator<<(std::ostream& out, const Kept& kept) {
  return out << kept.number << " for " << kept.duration.count() << " ns";
}

/// Pictures 0 to `count` - 1 of 10 ms each through a thinner; `mark` sets what is special of one.
std::vector<Kept> thin(
    int every, int count, const std::function<void(int, Picture&)>& mark = [](int, Picture&) {}) {
  std::vector<Kept> kept;
  const auto note = [&](const Frame& frame) {
    kept.push_back({static_cast<int>(frame.picture.pts / 10ms), frame.picture.duration});
  };
  FrameThinner thinner(every);
  for (int i = 0; i < count; ++i) {
    Frame frame;
    frame.picture.pts = i * 10ms;
    frame.picture.duration = 10ms;
    mark(i, frame.picture);
    thinner.push(std::move(frame), note);
  }
  thinner.drain(note);
  return kept;
}

}  // namespace

TEST_CASE("every n-th picture stays and lasts as long as all n", "[thinner]") {
  CHECK(thin(1, 3) == std::vector<Kept>{{0, 10ms}, {1, 10ms}, {2, 10ms}});
  CHECK(thin(2, 6) == std::vector<Kept>{{0, 20ms}, {2, 20ms}, {4, 20ms}});
  CHECK(thin(3, 7) == std::vector<Kept>{{0, 30ms}, {3, 30ms}, {6, 10ms}});
}

TEST_CASE("one that opens a segment stays, and the one before it is as much shorter", "[thinner]") {
  CHECK(thin(2, 6, [](int number, Picture& picture) {
          if (number == 3) picture.opens_segment = 7;
        }) == std::vector<Kept>{{0, 20ms}, {2, 10ms}, {3, 20ms}, {5, 10ms}});
  const auto marks = {&Picture::starts_discontinuity, &Picture::follows_gap};
  for (const auto mark : marks)
    CHECK(thin(2, 4, [mark](int number, Picture& picture) { picture.*mark = number == 1; }) ==
          std::vector<Kept>{{0, 10ms}, {1, 20ms}, {3, 10ms}});
}

TEST_CASE("a rung that gets every picture waits for none", "[thinner]") {
  FrameThinner all(1), half(2);
  int of_all = 0, of_half = 0;
  Frame frame;
  all.push(Frame{}, [&](const Frame&) { ++of_all; });
  half.push(Frame{}, [&](const Frame&) { ++of_half; });
  CHECK(of_all == 1);
  CHECK(of_half == 0);
  CHECK_FALSE(half.stays(frame.picture));
  half.push(Frame{}, [&](const Frame&) { ++of_half; });
  CHECK(of_half == 1);
}

TEST_CASE("a thinned rung announces its own frame rate", "[thinner]") {
  const auto every = [](int n, const VideoParameters& video) {
    Rung rung;
    rung.every = n;
    return thinned(video, rung);
  };
  VideoParameters video;
  video.frame_rate = {60'000, 1001};
  CHECK(every(2, video).frame_rate == Rational{30'000, 1001});
  video.frame_rate = {50, 1};
  CHECK(every(3, video).frame_rate == Rational{50, 3});
  CHECK(every(1, video).frame_rate == Rational{50, 1});
  video.frame_rate = {0, 1};
  video.longest_frame = 20ms;
  CHECK(every(2, video).frame_rate == Rational{0, 1});
  CHECK(every(2, video).longest_frame == 40ms);
}
