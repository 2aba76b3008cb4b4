// Alternate sound and ready-made rungs on the timeline.
#include <algorithm>

#include "tests/ingest/timeline/timeline_fixture.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;
using namespace millrace::test;

namespace {

std::shared_ptr<const TrackInfo> with_index(const TrackInfo& track, int index) {
  TrackInfo other = track;
  other.index = index;
  return std::make_shared<const TrackInfo>(other);
}

/// A publisher of picture and sound in two languages, and of a smaller picture beside the main one.
struct SeveralTracks : Fixture {
  std::shared_ptr<const TrackInfo> french = with_index(*audio, 1);
  std::shared_ptr<const TrackInfo> small = with_index(*video_track(360), 1);

  void send(const std::shared_ptr<const TrackInfo>& track, MediaTime at, bool is_key = true) {
    REQUIRE(timeline
                ->push({.track = track,
                        .payload = Bytes::copy_of("media"),
                        .dts = at,
                        .pts = at,
                        .is_key_frame = is_key,
                        .received_at = clock.steady_now()})
                .has_value());
  }

  struct Plan {
    std::int64_t from_ms = 0;
    std::int64_t length_ms = 5'000;
    bool with_french = true;
    bool with_small = true;
    int small_gop = 60;
    int small_shift = 0;  ///< Frames by which the small picture's key frames are late.
    bool with_video = true;
  };
  void run(const Plan& plan) {
    std::int64_t frame = 0, sound = 0;
    for (std::int64_t ms = 0; ms < plan.length_ms; ++ms) {
      while (plan.with_video && frame * 1000 / 30 <= ms) {
        const auto at = std::chrono::milliseconds(plan.from_ms + frame * 1000 / 30);
        // The smaller picture arrives first.
        if (plan.with_small)
          send(small, at, (frame + plan.small_gop - plan.small_shift) % plan.small_gop == 0);
        send(video, at, frame % 60 == 0);
        ++frame;
      }
      while (sound * 1024 / 48 <= ms) {
        const auto at = std::chrono::milliseconds(plan.from_ms + sound * 1024 / 48);
        send(audio, at);
        if (plan.with_french) send(french, at);
        ++sound;
      }
      clock.advance(1ms);
      if (ms % 100 == 0) REQUIRE(timeline->tick().has_value());
    }
  }

  static std::vector<EncodedPacket> of_index(const std::vector<EncodedPacket>& all, int index) {
    std::vector<EncodedPacket> some;
    std::copy_if(all.begin(), all.end(), std::back_inserter(some),
                 [index](const auto& packet) { return packet.track->index == index; });
    return some;
  }
};

FillVideo still() {
  return {.track = video_track(), .pictures = {Bytes::copy_of("key"), Bytes::copy_of("again")}};
}

}  // namespace

TEST_CASE("sound in two languages opens the same segments, each without a hole",
          "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({.with_small = false});
  REQUIRE(source.tracks.size() == 1);
  CHECK(source.tracks[0].audio->index == 0);
  REQUIRE(source.tracks[0].others.size() == 1);
  CHECK(source.tracks[0].others[0]->index == 1);
  const auto main = source.of_index(source.audio_out, 0);
  const auto french = source.of_index(source.audio_out, 1);
  check_contiguous(main);
  check_contiguous(french);
  CHECK(openings(main) == std::vector<SegmentNumber>{100, 101, 102});
  CHECK(openings(french) == openings(main));
  CHECK(main.size() == french.size());
}

TEST_CASE("a ready-made rung opens the segments of the main picture, at the same time",
          "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({});
  REQUIRE(source.tracks[0].others.size() == 2);
  const auto main = source.of_index(source.video_out, 0);
  const auto small = source.of_index(source.video_out, 1);
  check_contiguous(small);
  CHECK(openings(small) == openings(main));
  CHECK(small[0].track->video.height == 360);
  CHECK(small[0].track->video.frame_rate == Rational{30, 1});
  CHECK(std::chrono::abs(small[0].pts - main[0].pts) < 1ms);
  CHECK(source.counted("rung_unaligned") == 0);
  CHECK(source.counted("rung_dropped") == 0);
}

TEST_CASE("a ready-made rung whose key frames are elsewhere has no segments, and is counted",
          "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({.small_shift = 10});
  CHECK(source.of_index(source.video_out, 1).empty());
  CHECK(source.counted("rung_unaligned") >= 2);
  CHECK(openings(source.of_index(source.video_out, 0)) ==
        std::vector<SegmentNumber>{100, 101, 102});
}

TEST_CASE("a ready-made rung with a key frame for every second segment has every second one",
          "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({.length_ms = 9'000, .small_gop = 120});
  const auto small = source.of_index(source.video_out, 1);
  CHECK(openings(small) == std::vector<SegmentNumber>{100, 102, 104});
  for (const auto& packet : small)
    if (packet.opens_segment) CHECK(packet.is_key_frame);
  CHECK(source.counted("rung_unaligned") == 2);
}

TEST_CASE("a hole in a ready-made rung lasts up to its next segment", "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({.length_ms = 3'000});
  source.run({.from_ms = 3'000, .length_ms = 1'000, .with_small = false});
  source.run({.from_ms = 4'000, .length_ms = 4'000});
  const auto small = source.of_index(source.video_out, 1);
  CHECK(openings(small) == std::vector<SegmentNumber>{100, 101, 102, 103});
  const auto at_hole = std::find_if(small.begin(), small.end(),
                                    [](const auto& packet) { return packet.follows_gap; });
  REQUIRE(at_hole != small.end());
  CHECK(at_hole->opens_segment == SegmentNumber{102});
}

TEST_CASE("a track beside the main ones that loses its clock is dropped, and nothing else",
          "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({.length_ms = 3'000});
  source.send(source.french, 1h);
  source.send(source.small, 1h);
  source.run({.from_ms = 3'000, .length_ms = 3'000});
  CHECK(source.counted("other_track_dropped") == 2);
  CHECK(source.tracks.size() == 1);
  check_contiguous(source.of_index(source.audio_out, 1));
}

TEST_CASE("a track that joins later begins the source anew, with all tracks", "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({.length_ms = 4'000, .with_french = false, .with_small = false});
  CHECK(source.tracks.size() == 1);
  source.run({.from_ms = 4'000, .length_ms = 4'000});
  REQUIRE(source.tracks.size() >= 2);
  CHECK(source.tracks.back().others.size() == 2);
  CHECK(openings(source.of_index(source.audio_out, 1)).size() >= 1);
}

TEST_CASE("while the source is away every language is silent, and comes back with it",
          "[several_tracks]") {
  SeveralTracks source;
  source.timeline->begin_source(announced(true, true));
  source.run({.length_ms = 4'000});
  REQUIRE(source.timeline->end_source().has_value());
  source.clock.advance(1s);
  REQUIRE(source.timeline->begin_fill(still()).has_value());
  for (int i = 0; i < 30; ++i) {
    source.clock.advance(100ms);
    REQUIRE(source.timeline->tick().has_value());
  }
  CHECK(source.tracks.back().is_fill);
  CHECK(source.tracks.back().others.size() == 1);
  source.timeline->begin_source(announced(true, true));
  source.run({.from_ms = 500'000, .length_ms = 4'000});
  const auto main = source.of_index(source.audio_out, 0);
  const auto french = source.of_index(source.audio_out, 1);
  check_contiguous(french);
  CHECK(openings(main) == openings(french));
  // A rung is not part of a fill: the still ladder makes it.
  const auto small = source.of_index(source.video_out, 1);
  CHECK(openings(small).front() == SegmentNumber{100});
  CHECK(openings(small).back() == openings(main).back());
}

TEST_CASE("without a picture, sound in a second language follows the first", "[several_tracks]") {
  SeveralTracks source;
  Announcement announcement = announced(false, true);
  announcement.tracks = 2;
  source.timeline->begin_source(announcement);
  source.run({.with_small = false, .with_video = false});
  const auto main = source.of_index(source.audio_out, 0);
  const auto french = source.of_index(source.audio_out, 1);
  CHECK(openings(main).size() == 3);
  CHECK(openings(french) == openings(main));
  check_contiguous(french);
}
