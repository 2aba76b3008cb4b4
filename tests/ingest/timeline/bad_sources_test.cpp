// Sources that stamp badly, one by one: what is repaired, and what is a discontinuity.
#include "ingest/timeline/timeline.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;

namespace {

std::shared_ptr<const TrackInfo> video_track() {
  TrackInfo track;
  track.video.width = 1280;
  track.video.height = 720;
  return std::make_shared<const TrackInfo>(track);
}

std::shared_ptr<const TrackInfo> audio_track() {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  track.audio = {.sample_rate = 48000, .channels = 2, .samples_per_frame = 1024};
  return std::make_shared<const TrackInfo>(track);
}

/// A source of 25 pictures a second and 48 kHz AAC in real time, each track by its own clock.
struct BadSource : Sink<EncodedPacket>, TimelineEvents {
  test::FakeClock clock;
  Metrics metrics;
  std::shared_ptr<const TrackInfo> video = video_track();
  std::shared_ptr<const TrackInfo> audio = audio_track();
  std::unique_ptr<Timeline> timeline =
      create_timeline(made_options(), *this, *this, metrics, clock);
  std::vector<EncodedPacket> video_out, audio_out;
  int discontinuities = 0;

  MediaTime video_ahead{};
  MediaTime audio_ahead{};
  MediaTime video_begins{};  ///< Nothing of a track is sent before.
  MediaTime audio_begins{};
  MediaTime presentation_offset{};
  std::int64_t pictures = 0, sounds = 0;
  MediaTime now{};

  BadSource() { timeline->begin_source({}); }

  static TimelineOptions made_options() {
    TimelineOptions options;
    options.channel = "c";
    options.first_segment = 100;
    return options;
  }

  Status push(EncodedPacket packet) override {
    (packet.track->kind == MediaKind::kVideo ? video_out : audio_out).push_back(packet);
    return ok();
  }
  Status finish() override { return ok(); }
  void on_tracks(const SourceTracks& /*tracks*/) override {}
  void on_target_duration(MediaTime /*target*/) override {}
  void on_closed_captions() override {}
  void on_unaligned_rung(int /*index*/) override {}
  void on_segment(const SegmentStart& segment) override {
    discontinuities += segment.starts_discontinuity ? 1 : 0;
  }

  void send(const std::shared_ptr<const TrackInfo>& track, MediaTime dts, bool is_key_frame,
            MediaTime offset = {}) {
    REQUIRE(timeline
                ->push({.track = track,
                        .payload = Bytes::copy_of("media"),
                        .dts = dts,
                        .pts = dts + offset,
                        .is_key_frame = is_key_frame,
                        .received_at = clock.steady_now()})
                .has_value());
  }

  void run(MediaTime length) {
    for (const MediaTime end = now + length; now < end; now += 1ms) {
      for (; pictures * 40ms <= now; ++pictures)
        if (now >= video_begins)
          send(video, pictures * 40ms + video_ahead, pictures % 50 == 0, presentation_offset);
      for (; from_ticks(sounds * 1024, 48'000) <= now; ++sounds)
        if (now >= audio_begins) send(audio, from_ticks(sounds * 1024, 48'000) + audio_ahead, true);
      clock.advance(1ms);
      if (now.count() % 100'000'000 == 0) REQUIRE(timeline->tick().has_value());
    }
  }

  double counted(const std::string& event) {
    return metrics
        .counter("millrace_timeline_events_total", "", {{"channel", "c"}, {"event", event}})
        .value();
  }
};

void check_times_go_on(const std::vector<EncodedPacket>& packets) {
  for (std::size_t i = 1; i < packets.size(); ++i) {
    CAPTURE(i);
    REQUIRE(packets[i].dts >= packets[i - 1].dts + packets[i - 1].duration);
  }
}

}  // namespace

TEST_CASE("times that begin anywhere are taken to the channel's clock", "[timeline][bad_sources]") {
  const MediaTime origin =
      GENERATE(MediaTime(-24h * 365 * 56), MediaTime(-1ms), MediaTime(24h * 20000));
  BadSource source;
  source.video_ahead = source.audio_ahead = origin;
  source.run(5s);
  CHECK(source.discontinuities == 0);
  REQUIRE(source.video_out.size() > 100);
  CHECK(std::chrono::abs(source.video_out.back().dts - source.clock.wall_now()) < 200ms);
  check_times_go_on(source.video_out);
  check_times_go_on(source.audio_out);
}

TEST_CASE("sound that begins 5 s before the picture, or behind it, on one clock",
          "[timeline][bad_sources]") {
  BadSource source;
  SECTION("before") {
    source.video_begins = 6s;
  }
  SECTION("behind") {
    source.audio_begins = 6s;
  }
  source.run(12s);
  REQUIRE(source.video_out.size() > 100);
  REQUIRE(source.audio_out.size() > 200);
  check_times_go_on(source.video_out);
  check_times_go_on(source.audio_out);
  CHECK(source.counted("jump") == 0);
}

TEST_CASE("times that run backwards by less than a second hold nothing up",
          "[timeline][bad_sources]") {
  const MediaTime step = GENERATE(100ms, 400ms, 900ms);
  BadSource source;
  source.run(5s);
  source.video_ahead = source.audio_ahead = -step;
  source.run(5s);
  check_times_go_on(source.video_out);
  check_times_go_on(source.audio_out);
  CHECK(source.discontinuities == (step > 250ms ? 1 : 0));
  CHECK(source.video_out.size() > 180);
  CHECK(source.clock.wall_now() - source.video_out.back().dts < 1s + step);
}

TEST_CASE("pictures at one decoding time follow each other", "[timeline][bad_sources]") {
  BadSource source;
  source.run(4s);
  source.send(source.video, (source.pictures - 1) * 40ms, false);
  source.run(4s);
  check_times_go_on(source.video_out);
  CHECK(source.discontinuities == 0);
}

TEST_CASE("a picture that is to be shown before it is decoded is shown when it is decoded",
          "[timeline][bad_sources]") {
  BadSource source;
  source.presentation_offset = -80ms;
  source.run(5s);
  REQUIRE(source.video_out.size() > 100);
  CHECK(std::all_of(source.video_out.begin(), source.video_out.end(),
                    [](const auto& packet) { return packet.pts >= packet.dts; }));
}

TEST_CASE("sound and picture apart by less than a second are passed on as stamped",
          "[timeline][bad_sources]") {
  BadSource source;
  source.audio_ahead = GENERATE(-500ms, 500ms);
  source.run(6s);
  CHECK(source.counted("jump") == 0);
  CHECK(source.discontinuities == 0);
  CHECK(source.video_out.size() > 120);
}

TEST_CASE("tracks whose clocks disagree by seconds are not probed for ever",
          "[timeline][bad_sources]") {
  BadSource source;
  source.audio_ahead = GENERATE(-5s, 5s, 3h);
  source.run(12s);
  CHECK(source.video_out.size() > 250);
  CHECK(source.audio_out.size() > 450);
  CHECK(source.counted("jump") == 0);
  CHECK(source.counted("clocks_disagree") == 1);
  CHECK(source.discontinuities == 0);
  check_times_go_on(source.video_out);
  check_times_go_on(source.audio_out);
  REQUIRE_FALSE(source.audio_out.empty());
  CHECK(std::chrono::abs(source.audio_out.back().dts - source.video_out.back().dts) < 400ms);
}
