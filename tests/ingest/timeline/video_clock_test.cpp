#include "ingest/timeline/video_clock.h"

#include <catch2/catch.hpp>
#include <set>

using namespace std::chrono_literals;
using namespace millrace;
using millrace::ingest::FrameGrid;
using millrace::ingest::VideoClock;

namespace {

EncodedPacket at(MediaTime dts, MediaTime composition_offset = 0ns) {
  EncodedPacket packet;
  packet.dts = dts;
  packet.pts = dts + composition_offset;
  return packet;
}

}  // namespace

TEST_CASE("on a grid the published duration stands and a late frame grows by the hole", "[clock]") {
  VideoClock clock(FrameGrid(0s, {25, 1}), 200ms);
  CHECK(clock.place(at(0ms))->duration == 40ms);
  const auto late = clock.place(at(119ms));
  CHECK(late->dts == 40ms);
  CHECK(late->pts == 120ms);
  CHECK(late->duration == 120ms);
  CHECK(clock.skipped_frames() == 2);
  CHECK(clock.place(at(161ms))->dts == 160ms);
}

TEST_CASE("a frame behind the grid takes the next slot, never an earlier one", "[clock]") {
  VideoClock clock(FrameGrid(0s, {25, 1}), 200ms);
  clock.place(at(0ms));
  clock.place(at(40ms));
  const auto repeated = clock.place(at(41ms));
  CHECK(repeated->dts == 80ms);
  CHECK(repeated->pts >= repeated->dts);
}

TEST_CASE("a hole is a jump when it makes a picture longer than a part", "[clock]") {
  VideoClock clock(FrameGrid(0s, {25, 1}), 200ms);
  clock.place(at(0ms));
  CHECK_FALSE(clock.is_jump(200ms));
  CHECK(clock.is_jump(240ms));
  CHECK_FALSE(clock.is_jump(0ms));
  CHECK(clock.is_jump(-300ms));
}

TEST_CASE("with a variable rate the next frame tells the duration, the last repeats it",
          "[clock]") {
  VideoClock clock(1s);
  CHECK_FALSE(clock.place(at(0ms, 10ms)).has_value());
  const auto first = clock.place(at(55ms));
  REQUIRE(first.has_value());
  CHECK(first->duration == 55ms);
  CHECK(first->pts == 10ms);
  CHECK(clock.flush()->duration == 55ms);
  CHECK_FALSE(clock.flush().has_value());
}

TEST_CASE("two pictures at one time follow each other all the same", "[clock]") {
  VideoClock clock(1s);
  clock.place(at(10ms));
  CHECK(clock.place(at(10ms))->duration > 0ms);
}

TEST_CASE("no two pictures come at one time wherever the source's times lie between the slots",
          "[clock]") {
  constexpr MediaTime kFrame = 16'666'667ns;
  // Decoding order I P B B, P B B …; composition offsets in frames.
  const int offsets[] = {1, 3, 0, 0};
  for (int phase_us = -8300; phase_us <= 8300; phase_us += 100) {
    CAPTURE(phase_us);
    VideoClock clock(FrameGrid(0s, {60, 1}), 200ms);
    std::set<MediaTime> presented;
    for (int frame = 0; frame < 240; ++frame) {
      // From the second second on the source is out of step, as behind the loop of a clip.
      const MediaTime shift = frame >= 60 ? std::chrono::microseconds(phase_us) : 0us;
      const auto rounded = [](MediaTime time) {  // RTMP's milliseconds.
        return std::chrono::round<std::chrono::milliseconds>(time);
      };
      const MediaTime dts = frame * kFrame + shift;
      const int offset = frame == 0 ? 1 : offsets[1 + (frame - 1) % 3];
      const auto placed =
          clock.place(at(rounded(dts), rounded(dts + offset * kFrame) - rounded(dts)));
      REQUIRE(placed.has_value());
      CHECK(placed->pts >= placed->dts);
      CHECK(presented.insert(placed->pts).second);
    }
  }
}
