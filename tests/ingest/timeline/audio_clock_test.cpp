#include "ingest/timeline/audio_clock.h"

#include "media/opus.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using millrace::ingest::AudioClock;
using millrace::ingest::silent_frame;

namespace {

TrackInfo aac(int channels = 2) {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  track.audio = {.sample_rate = 48000, .channels = channels, .samples_per_frame = 1024};
  return track;
}

std::vector<EncodedPacket> place(AudioClock& clock, MediaTime pts) {
  EncodedPacket packet;
  packet.pts = packet.dts = pts;
  packet.payload = Bytes::copy_of("sound");
  std::vector<EncodedPacket> placed;
  clock.place(packet, placed);
  return placed;
}

}  // namespace

TEST_CASE("milliseconds become samples", "[clock]") {
  AudioClock clock(aac());
  for (std::int64_t i = 0; i < 1000; ++i) {
    const auto placed = place(clock, std::chrono::milliseconds(i * 1024 / 48));
    REQUIRE(placed.size() == 1);
    CHECK(placed[0].pts == from_ticks(i * 1024, 48000));
  }
}

TEST_CASE("a hole is filled with as many silent frames as are missing", "[clock]") {
  AudioClock clock(aac());
  place(clock, 0ms);
  const auto placed = place(clock, 107ms);  // Five frames later.
  REQUIRE(placed.size() == 5);
  for (std::size_t i = 0; i < 4; ++i) CHECK(placed[i].payload == silent_frame(aac()));
  CHECK(placed[4].payload.text() == "sound");
  CHECK_FALSE(placed[4].follows_gap);
  CHECK(clock.filled_frames() == 4);
}

TEST_CASE("a hole that is too long, or of many channels, is said and not filled", "[clock]") {
  AudioClock stereo(aac());
  place(stereo, 0ms);
  const auto late = place(stereo, 5s);
  REQUIRE(late.size() == 1);
  CHECK(late[0].follows_gap);
  CHECK(std::chrono::abs(late[0].pts - 5s) < 12ms);

  AudioClock surround(aac(6));
  place(surround, 0ms);
  const auto gap = place(surround, 200ms);
  REQUIRE(gap.size() == 1);
  CHECK(gap[0].follows_gap);
}

TEST_CASE("a frame that was lost is made good within a quarter of a second", "[clock]") {
  const int lost = GENERATE(1, -1);
  CAPTURE(lost);
  AudioClock clock(aac());
  std::vector<EncodedPacket> last;
  for (int i = 0; i < 40; ++i) {
    const int sent = i < 20 ? i : i + lost;
    last = place(clock, std::chrono::milliseconds(sent * 1024 / 48));
  }
  CHECK(clock.filled_frames() == (lost > 0 ? 1 : 0));
  CHECK(clock.dropped_frames() == (lost < 0 ? 1 : 0));
  REQUIRE(last.size() == 1);
  CHECK(std::chrono::abs(last[0].pts - std::chrono::milliseconds((39 + lost) * 1024 / 48)) < 1ms);
}

TEST_CASE("stamps that jitter by most of a frame to either side change nothing", "[clock]") {
  AudioClock clock(aac());
  for (int i = 0; i < 500; ++i)
    CHECK(place(clock, std::chrono::milliseconds(i * 1024 / 48 + (i % 11 < 6 ? 18 : -18))).size() ==
          1);
  CHECK(clock.filled_frames() == 0);
  CHECK(clock.dropped_frames() == 0);
}

TEST_CASE("sound that was heard already is dropped", "[clock]") {
  AudioClock clock(aac());
  for (int i = 0; i < 10; ++i) place(clock, std::chrono::milliseconds(i * 1024 / 48));
  CHECK(place(clock, 100ms).empty());
  CHECK(clock.dropped_frames() == 1);
}

TEST_CASE("silence is a complete AAC frame for one and two channels", "[clock]") {
  // ID_SCE or ID_CPE first, ID_END in the last bits; no decoder state in between.
  CHECK(silent_frame(aac(1))[0] >> 5 == 0);
  CHECK(silent_frame(aac(2))[0] >> 5 == 1);
  CHECK(silent_frame(aac(6)).empty());
}

TEST_CASE("silence is a packet of Opus as long as the others, for one and two channels",
          "[clock]") {
  for (const int channels : {1, 2}) {
    const TrackInfo track = opus_track(channels, 0).value();
    const Bytes silence = silent_frame(track);
    CHECK(opus_samples(silence.span()) == track.audio.samples_per_frame);
    CHECK((silence[0] & 4) == (channels == 2 ? 4 : 0));
  }
  CHECK(silent_frame(opus_track(6, 0).value()).empty());
}
