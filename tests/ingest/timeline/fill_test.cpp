// The timeline while a source is away.
#include "tests/ingest/timeline/timeline_fixture.h"

#include <algorithm>

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;
using namespace millrace::test;

namespace {

/// A still picture of the source's rate, in groups of two seconds.
FillVideo still() {
  TrackInfo track;
  track.video.width = 1280;
  track.video.height = 720;
  track.video.frame_rate = {30, 1};
  FillVideo made{.track = std::make_shared<const TrackInfo>(track), .pictures = {}};
  for (int i = 0; i < 60; ++i) made.pictures.push_back(Bytes::copy_of("still"));
  return made;
}

void let_pass(Fixture& f, std::chrono::milliseconds time) {
  for (auto passed = 0ms; passed < time; passed += 100ms) {
    f.clock.advance(100ms);
    REQUIRE(f.timeline->tick().has_value());
  }
}

std::size_t stills(const Fixture& f) {
  return static_cast<std::size_t>(
      std::count_if(f.video_out.begin(), f.video_out.end(),
                    [](const auto& packet) { return packet.payload.text() == "still"; }));
}

int discontinuities(const Fixture& f) {
  return static_cast<int>(std::count_if(f.segments.begin(), f.segments.end(),
                                        [](const auto& one) { return one.starts_discontinuity; }));
}

/// No hole, not even at a discontinuity.
void check_filled(const std::vector<EncodedPacket>& packets, MediaTime tolerance) {
  for (std::size_t i = 1; i < packets.size(); ++i) {
    CAPTURE(i);
    const MediaTime hole = packets[i].dts - (packets[i - 1].dts + packets[i - 1].duration);
    REQUIRE(hole >= 0ns);
    REQUIRE(hole <= tolerance);
  }
}

}  // namespace

TEST_CASE("a source that is away is filled without a hole, between two discontinuities",
          "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 5000});
  REQUIRE(f.timeline->end_source().has_value());
  f.clock.advance(1500ms);  // A worker made the picture.
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 400ms);
  let_pass(f, 7000ms);
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 400ms);
  f.timeline->begin_source({});
  f.run({.length_ms = 5000});
  CHECK(stills(f) > 240);
  check_filled(f.video_out, 40ms);
  check_filled(f.audio_out, 70ms);
  CHECK(openings(f.video_out) == openings(f.audio_out));
  const auto numbers = openings(f.video_out);
  for (std::size_t i = 1; i < numbers.size(); ++i) CHECK(numbers[i] == numbers[i - 1] + 1);
  CHECK(discontinuities(f) == 2);
  REQUIRE(f.tracks.size() == 3);
  CHECK(f.tracks[1].is_fill);
  CHECK(f.tracks[1].audio == f.tracks[0].audio);
  CHECK_FALSE(f.tracks[2].is_fill);
  // As far behind as before.
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 100ms);
}

TEST_CASE("a source that has come and sends nothing yet is filled for like one that is away",
          "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 5000});
  REQUIRE(f.timeline->end_source().has_value());
  f.timeline->begin_source({});
  REQUIRE(f.timeline->suspend_source().has_value());
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  let_pass(f, 3000ms);
  CHECK(stills(f) > 60);
  f.run({.length_ms = 5000});
  CHECK(f.video_out.back().payload.text() == "picture");
  check_filled(f.video_out, 40ms);
}

TEST_CASE("a fill cuts segments of the target duration", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 4000});
  REQUIRE(f.timeline->end_source().has_value());
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  let_pass(f, 9000ms);
  REQUIRE(f.segments.size() >= 6);
  for (std::size_t i = 3; i < f.segments.size(); ++i)
    CHECK(std::chrono::abs(f.segments[i].start - f.segments[i - 1].start - 2s) <= 1ns);
}

TEST_CASE("what a publisher sends late for times that are filled is dropped up to a key frame",
          "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 4000});
  // Its network stands for 5 s; what it held back comes at once.
  f.clock.advance(1000ms);
  REQUIRE(f.timeline->suspend_source().has_value());
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  let_pass(f, 4000ms);
  for (int i = 120; i < 270; ++i) f.send_video(i * 1000 / 30, i % 60 == 0);
  CHECK(f.counted("already_filled") > 100);
  f.run({.from_ms = 9000, .length_ms = 4000, .gop = 30});
  CHECK(discontinuities(f) == 2);
  check_filled(f.video_out, 40ms);
  CHECK(f.video_out.back().payload.text() == "picture");
  // Its clock has not been moved, but to fit.
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 400ms);
}

TEST_CASE("a publisher that never catches up with the fill is given a new mapping", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 4000});
  f.clock.advance(1000ms);
  REQUIRE(f.timeline->suspend_source().has_value());
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  let_pass(f, 4000ms);
  // Five seconds late for good: its pause was none of its clock's.
  f.run({.from_ms = 4000, .length_ms = 8000, .gop = 30});
  CHECK(f.video_out.back().payload.text() == "picture");
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 400ms);
  check_filled(f.video_out, 40ms);
  CHECK(discontinuities(f) == 2);
}

TEST_CASE("a source of variable rate that comes back is filled for while it is probed",
          "[timeline]") {
  Fixture f;
  f.timeline->begin_source(announced(true, false));
  const int steps[] = {33, 41, 25, 70, 33, 12, 55};
  std::int64_t time = 0;
  int number = 0;
  const auto send = [&](std::int64_t until) {
    for (; time < until; ++number) {
      f.send_video(time, number % 50 == 0);
      f.clock.advance(std::chrono::milliseconds(steps[number % 7]));
      time += steps[number % 7];
      REQUIRE(f.timeline->tick().has_value());
    }
  };
  send(4000);
  REQUIRE(f.timeline->end_source().has_value());
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  let_pass(f, 3000ms);
  f.timeline->begin_source(announced(true, false));
  number = 0;
  send(time + 8000);
  CHECK(f.video_out.back().payload.text() == "picture");
  check_filled(f.video_out, 350ms);
  CHECK(discontinuities(f) == 2);
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 700ms);
}

TEST_CASE("a fill that begins long after the media begins near the wall clock", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 4000});
  REQUIRE(f.timeline->end_source().has_value());
  f.clock.advance(1h);
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  CHECK(stills(f) < 120);
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 400ms);
}

TEST_CASE("a fill that ends hands on its sound, and the channel goes on later", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 4000});
  REQUIRE(f.timeline->end_source().has_value());
  REQUIRE(f.timeline->begin_fill(still()).has_value());
  let_pass(f, 2000ms);
  REQUIRE(f.timeline->end_fill().has_value());
  const auto before = f.video_out.size();
  let_pass(f, 2000ms);
  CHECK(f.video_out.size() == before);
  f.timeline->begin_source({});
  f.run({.length_ms = 3000});
  check_contiguous(f.video_out);
  check_contiguous(f.audio_out);
  CHECK(discontinuities(f) == 2);
}

TEST_CASE("a channel of sound alone is filled with silence", "[timeline]") {
  Fixture f;
  f.timeline->begin_source(announced(false, true));
  f.run({.length_ms = 4000, .with_video = false});
  REQUIRE(f.timeline->end_source().has_value());
  REQUIRE(f.timeline->begin_fill({}).has_value());
  let_pass(f, 5000ms);
  CHECK(std::chrono::abs(f.audio_out.back().dts - f.clock.wall_now()) < 400ms);
  check_filled(f.audio_out, 22ms);
  CHECK(openings(f.audio_out).size() >= 4);
}
