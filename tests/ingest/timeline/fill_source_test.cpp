#include "ingest/timeline/fill_source.h"

#include "media/opus.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;

namespace {

std::shared_ptr<const TrackInfo> video_track(Rational rate) {
  TrackInfo track;
  track.video.width = 1280;
  track.video.height = 720;
  track.video.frame_rate = rate;
  return std::make_shared<const TrackInfo>(track);
}

std::shared_ptr<const TrackInfo> audio_track(int channels) {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  track.audio = {.sample_rate = 44'100, .channels = channels, .samples_per_frame = 1024};
  return std::make_shared<const TrackInfo>(track);
}

FillVideo video(Rational rate, int pictures) {
  FillVideo made{.track = video_track(rate), .pictures = {}};
  for (int i = 0; i < pictures; ++i)
    made.pictures.push_back(Bytes::copy_of("picture " + std::to_string(i)));
  return made;
}

}  // namespace

TEST_CASE("a fill repeats its group of pictures without a hole, with silence beside it",
          "[fill_source]") {
  FillSource fill(video({30'000, 1001}, 60), 10s, {{audio_track(2), 10s}});
  MediaTime video_end = 10s, audio_end = 10s;
  int pictures = 0;
  while (const auto packet = fill.next(20s)) {
    MediaTime& end = packet->track->kind == MediaKind::kVideo ? video_end : audio_end;
    REQUIRE(packet->dts == end);
    REQUIRE(packet->pts == packet->dts);
    end += packet->duration;
    REQUIRE(std::chrono::abs(video_end - audio_end) < 60ms);
    if (packet->track->kind == MediaKind::kAudio) {
      REQUIRE_FALSE(packet->payload.empty());
      continue;
    }
    REQUIRE(packet->payload.text() == "picture " + std::to_string(pictures % 60));
    REQUIRE(packet->is_key_frame == (pictures % 60 == 0));
    ++pictures;
  }
  CHECK(pictures == 299);
  CHECK(video_end <= 20s);
  CHECK(audio_end <= 20s);
}

TEST_CASE("a fill gives only what has ended by then, and goes on later", "[fill_source]") {
  FillSource fill(video({25, 1}, 50), 0s, {});
  CHECK_FALSE(fill.next(39ms).has_value());
  CHECK(fill.next(40ms).has_value());
  CHECK_FALSE(fill.next(40ms).has_value());
  CHECK(fill.next(80ms).has_value());
}

TEST_CASE("a channel without a picture is filled with silence alone", "[fill_source]") {
  FillSource fill({}, 0s, {{audio_track(1), 0s}});
  int frames = 0;
  while (const auto packet = fill.next(1s)) {
    REQUIRE(packet->is_key_frame);
    ++frames;
  }
  CHECK(frames == 43);
}

TEST_CASE("silence keeps a track's parameters where it can, and is stereo where not",
          "[fill_source]") {
  const auto stereo = audio_track(2);
  CHECK(silent_track(stereo) == stereo);
  CHECK(silent_track(nullptr) == nullptr);
  const auto silent = silent_track(audio_track(6));
  REQUIRE(silent);
  CHECK(silent->audio.channels == 2);
  CHECK(silent->audio.sample_rate == 48'000);
  CHECK_FALSE(silent->codec_configuration.empty());
  const auto opus = silent_track(std::make_shared<const TrackInfo>(opus_track(6, 0).value()));
  REQUIRE(opus);
  CHECK(opus->codec == Codec::kOpus);
  CHECK(opus->audio.channels == 2);
}

TEST_CASE("a source of variable rate is filled at thirty pictures a second", "[fill_source]") {
  FillSource fill(video({0, 1}, 60), 0s, {});
  const auto packet = fill.next(1s);
  REQUIRE(packet.has_value());
  CHECK(std::chrono::abs(packet->duration - 33'333'333ns) <= 1ns);
}
