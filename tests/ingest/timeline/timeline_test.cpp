#include "tests/ingest/timeline/timeline_fixture.h"

#include <algorithm>
#include <map>

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;
using namespace millrace::test;

TEST_CASE("numbers rise by one every half second since 2024", "[timeline]") {
  CHECK(segment_number_at(1'704'067'200s) == 0);
  CHECK(segment_number_at(1'704'067'201s) == 2);
  CHECK(segment_number_at(0s) == 0);
}

TEST_CASE("milliseconds are put back on the frame grid, without holes", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 5000});
  REQUIRE(f.video_out.size() > 140);
  check_contiguous(f.video_out);
  check_contiguous(f.audio_out);
  CHECK(f.video_out.front().track->video.frame_rate == Rational{30, 1});
  for (const auto& packet : f.video_out)
    CHECK(std::chrono::abs(packet.duration - 33'333'333ns) <= 1ns);
  for (const auto& packet : f.audio_out)
    CHECK(std::chrono::abs(packet.duration - 21'333'333ns) <= 1ns);
}

TEST_CASE("a packet is handed on when it comes, not when the next one does", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 3000});
  const auto before = f.video_out.size();
  f.send_video(3000, false);
  CHECK(f.video_out.size() == before + 1);
}

TEST_CASE("the channel's clock is the wall clock at the first packet", "[timeline]") {
  Fixture f;
  const auto began = f.clock.wall_now();
  f.timeline->begin_source({});
  f.run({.from_ms = 123'456, .length_ms = 1000});
  CHECK(std::chrono::abs(f.video_out.front().dts - began) <= 2ms);
}

TEST_CASE("both tracks open the same segments, audio at or after the boundary", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 7000});
  CHECK(openings(f.video_out) == std::vector<SegmentNumber>{100, 101, 102, 103});
  CHECK(openings(f.audio_out) == openings(f.video_out));
  CHECK(f.target == 2s);
  std::map<SegmentNumber, MediaTime> start;
  for (const auto& segment : f.segments) start[segment.number] = segment.start;
  for (const auto& packet : f.audio_out)
    if (packet.opens_segment) {
      CHECK(packet.pts >= start[*packet.opens_segment]);
      CHECK(packet.pts - start[*packet.opens_segment] < 22ms);
    }
}

TEST_CASE("audio ahead of the picture waits for it", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 1990});
  const auto before = f.audio_out.size();
  f.send_audio(2010);
  f.send_audio(2031);
  CHECK(f.audio_out.size() == before);
  f.send_video(2000, true);
  f.send_video(2033, false);
  CHECK(f.audio_out.size() > before);
  CHECK(openings(f.audio_out).back() == 101);
}

TEST_CASE("audio before the first key frame is dropped", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  for (int i = 0; i < 20; ++i) f.send_audio(i * 1024 / 48);
  f.send_video(300, false);
  f.run({.from_ms = 400, .length_ms = 1000});
  REQUIRE_FALSE(f.audio_out.empty());
  CHECK(f.audio_out.front().opens_segment == 100);
  CHECK(f.audio_out.front().pts >= f.video_out.front().pts);
}

TEST_CASE("B-frames keep their presentation order and boundaries lie on what is shown",
          "[timeline]") {
  Fixture f;
  f.audio.reset();
  f.timeline->begin_source(announced(true, false));
  // I P B B …: presented two frames after they are decoded, but for the B-frames.
  const int offsets[] = {2, 4, 1, 1};
  for (int i = 0; i < 130; ++i) {
    const int offset = i % 60 == 0 ? 2 : offsets[1 + (i % 60 - 1) % 3];
    f.send_video(i * 1000 / 30, i % 60 == 0, offset * 1000 / 30);
  }
  check_contiguous(f.video_out);
  for (const auto& packet : f.video_out) CHECK(packet.pts >= packet.dts);
  REQUIRE(f.segments.size() == 3);
  for (const auto& packet : f.video_out)
    if (packet.opens_segment) CHECK(packet.pts == f.segments[*packet.opens_segment - 100].start);
}

TEST_CASE("a frame that the encoder skipped makes the next one longer", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 1000, .with_audio = false});
  f.clock.advance(1s);
  REQUIRE(f.timeline->tick().has_value());  // Announced sound never came.
  f.send_video(1000, false);
  f.send_video(1066, false);  // 1033 is missing.
  check_contiguous(f.video_out);
  CHECK(std::chrono::abs(f.video_out.back().duration - 66'666'667ns) <= 1ns);
  CHECK(f.video_out.back().pts > f.video_out.back().dts);
  CHECK(f.counted("skipped_frame") == 1);
}

TEST_CASE("a picture longer than a part ends the segment and opens a discontinuity", "[timeline]") {
  Fixture f;
  f.timeline->begin_source(announced(true, false));
  f.run({.length_ms = 1000, .with_audio = false});
  f.send_video(1000, false);
  f.send_video(1500, false);
  CHECK(f.video_out.back().starts_discontinuity);
  CHECK(f.video_out.back().opens_segment == 101);
  CHECK(f.counted("hole") == 1);
  CHECK(std::chrono::abs(f.video_out.back().duration - 33'333'333ns) <= 1ns);
}

TEST_CASE("a variable rate passes through, each duration told by the next frame", "[timeline]") {
  Fixture f;
  f.timeline->begin_source(announced(true, false));
  std::int64_t time = 0;
  const int steps[] = {33, 41, 25, 70, 33, 12, 55};
  for (int i = 0; i < 200; ++i) {
    f.send_video(time, i % 50 == 0);
    time += steps[i % 7];
    f.clock.advance(std::chrono::milliseconds(steps[i % 7]));
  }
  REQUIRE(f.video_out.size() == 199);
  check_contiguous(f.video_out);
  CHECK(f.video_out.front().track->video.frame_rate.numerator == 0);
  CHECK(f.video_out.front().track->video.longest_frame == 70ms);
  CHECK(f.video_out[3].duration == 70ms);
}

TEST_CASE("sound that the source left out is filled with silence", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 2000});
  const auto before = f.audio_out.size();
  f.run({.from_ms = 2000, .length_ms = 500, .with_audio = false});
  f.run({.from_ms = 2500, .length_ms = 500});
  check_contiguous(f.audio_out);
  CHECK(f.counted("audio_filled") > 20);
  CHECK(f.audio_out.size() > before + 40);
}

TEST_CASE("a jump of the source's clock is a discontinuity, and time goes on", "[timeline]") {
  for (const std::int64_t to : {std::int64_t{500}, std::int64_t{90'000'000}}) {
    Fixture f;
    f.timeline->begin_source({});
    f.run({.from_ms = 10'000, .length_ms = 3000});
    f.run({.from_ms = to, .length_ms = 3000});
    check_contiguous(f.video_out);
    check_contiguous(f.audio_out);
    CHECK(f.counted("jump") == 1);
    int discontinuities = 0;
    for (const auto& segment : f.segments) discontinuities += segment.starts_discontinuity;
    CHECK(discontinuities == 1);
    CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 100ms);
  }
}

TEST_CASE("a publisher that returns goes on with one discontinuity and the same track",
          "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 3000});
  REQUIRE(f.timeline->end_source().has_value());
  f.clock.advance(5s);
  f.video = video_track();
  f.audio = audio_track();
  f.timeline->begin_source({});
  f.run({.length_ms = 3000});
  check_contiguous(f.video_out);
  CHECK(openings(f.video_out) == std::vector<SegmentNumber>{100, 101, 102, 103});
  CHECK(openings(f.audio_out) == openings(f.video_out));
  CHECK(f.segments[2].starts_discontinuity);
  CHECK_FALSE(f.segments[3].starts_discontinuity);
  REQUIRE(f.tracks.size() == 2);
  CHECK(f.tracks[0].video == f.tracks[1].video);
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 100ms);
}

TEST_CASE("a clock set back during a publisher's absence takes no time back", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 3000});
  REQUIRE(f.timeline->end_source().has_value());
  f.clock.step_wall(-1h);
  f.timeline->begin_source({});
  f.run({.length_ms = 2000});
  check_contiguous(f.video_out);
  check_contiguous(f.audio_out);
}

TEST_CASE("new parameters in mid-stream make a new track and a discontinuity", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 3000});
  f.video = video_track(1080);
  f.run({.from_ms = 3000, .length_ms = 3000});
  REQUIRE(f.tracks.size() == 2);
  CHECK(f.tracks[1].video->video.height == 1080);
  CHECK(f.counted("new_parameters") == 1);
  check_contiguous(f.video_out);
}

TEST_CASE("sound alone makes segments of the target's length", "[timeline]") {
  Fixture f;
  f.timeline->begin_source(announced(false, true));
  f.run({.length_ms = 7000, .with_video = false});
  CHECK(openings(f.audio_out) == std::vector<SegmentNumber>{100, 101, 102, 103});
  CHECK(f.target == 2s);
  REQUIRE_FALSE(f.tracks.empty());
  CHECK(f.tracks.front().video == nullptr);
}

TEST_CASE("a picture that was announced and never comes is not waited for", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 3000, .with_video = false});
  CHECK(openings(f.audio_out).size() == 2);
}

TEST_CASE("where video stops and audio runs on, segments go on", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 4000});
  const auto before = f.segments.size();
  f.run({.from_ms = 4000, .length_ms = 6000, .with_video = false});
  CHECK(f.segments.size() >= before + 2);
  CHECK(f.counted("video_stopped") == 1);
  const auto frames = f.video_out.size();
  f.run({.from_ms = 10'000, .length_ms = 2000});
  CHECK(f.video_out.size() > frames + 50);
  CHECK(f.video_out[frames].opens_segment.has_value());
  check_contiguous(f.audio_out);
  for (std::size_t i = 1; i < f.segments.size(); ++i)
    CHECK(f.segments[i].number == f.segments[i - 1].number + 1);
}

TEST_CASE("a picture that stops for a moment does not hold the sound for long", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 2000});
  const auto before = f.audio_out.size();
  f.run({.from_ms = 2000, .length_ms = 600, .with_video = false});
  CHECK(f.audio_out.size() > before + 20);
  CHECK(f.counted("audio_released") == 1);
}

TEST_CASE("a source clock that drifts is put right with a discontinuity", "[timeline]") {
  Fixture f;
  f.timeline->begin_source(announced(true, false));
  // The source's seconds last 1.04 of ours: after a minute it is 2.4 s behind.
  for (int i = 0; i < 30 * 120; ++i) {
    f.send_video(i * 1000 / 30, i % 60 == 0);
    f.clock.advance(34'666us);
    if (i % 3 == 0) REQUIRE(f.timeline->tick().has_value());
  }
  CHECK(f.counted("drift") >= 1);
  CHECK(std::chrono::abs(f.video_out.back().dts - f.clock.wall_now()) < 2500ms);
  check_contiguous(f.video_out);
}

TEST_CASE("a publisher that leaves within its first frames is still shown", "[timeline]") {
  Fixture f;
  f.timeline->begin_source({});
  f.run({.length_ms = 200});
  CHECK(f.video_out.empty());
  REQUIRE(f.timeline->end_source().has_value());
  CHECK(f.video_out.size() == 6);
}

TEST_CASE("captions in the pictures are told once", "[timeline]") {
  Fixture fixture;
  const std::uint8_t picture[] = {0,   0,   0, 10,   6, 0xb5, 0, 0x31, 'G',  'A',
                                  '9', '4', 3, 0x80, 0, 0,    0, 2,    0x65, 1};
  fixture.timeline->begin_source({.has_audio = false, .encoder = {}});
  for (int i = 0; i < 40; ++i)
    REQUIRE(fixture.timeline
                ->push({.track = fixture.video,
                        .payload = Bytes::copy_of(
                            i < 3 ? "picture"
                                  : std::string_view(reinterpret_cast<const char*>(picture),
                                                     sizeof picture)),
                        .dts = std::chrono::milliseconds(i * 33),
                        .pts = std::chrono::milliseconds(i * 33),
                        .is_key_frame = i == 0,
                        .received_at = fixture.clock.steady_now()})
                .has_value());
  CHECK(fixture.captions == 1);
}
