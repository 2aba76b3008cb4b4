#pragma once
// A channel's timeline with everything that comes out of it, for the tests of it.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ingest/timeline/timeline.h"
#include "tests/support/fake_clock.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

namespace millrace::test {

using namespace std::chrono_literals;
using namespace ingest;

inline std::shared_ptr<const TrackInfo> video_track(int height = 720) {
  TrackInfo track;
  track.video.width = height * 16 / 9;
  track.video.height = height;
  return std::make_shared<const TrackInfo>(track);
}

inline std::shared_ptr<const TrackInfo> audio_track() {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  track.audio = {.sample_rate = 48000, .channels = 2, .samples_per_frame = 1024};
  return std::make_shared<const TrackInfo>(track);
}

inline Announcement announced(bool has_video, bool has_audio) {
  Announcement announcement;
  announcement.has_video = has_video;
  announcement.has_audio = has_audio;
  return announcement;
}

inline TimelineOptions options() {
  TimelineOptions made;
  made.channel = "c";
  made.first_segment = 100;
  return made;
}

/// A channel's timeline with everything that comes out of it, and a publisher whose packets arrive
/// when their time has come.
struct Fixture : Sink<EncodedPacket>, TimelineEvents {
  FakeClock clock;
  Metrics metrics;
  std::unique_ptr<Timeline> timeline = create_timeline(options(), *this, *this, metrics, clock);
  std::shared_ptr<const TrackInfo> video = video_track();
  std::shared_ptr<const TrackInfo> audio = audio_track();

  std::vector<EncodedPacket> video_out, audio_out;
  std::vector<SegmentStart> segments;
  std::vector<SourceTracks> tracks;
  MediaTime target{};
  int captions = 0;

  Status push(EncodedPacket packet) override {
    (packet.track->kind == MediaKind::kVideo ? video_out : audio_out).push_back(packet);
    return ok();
  }
  Status finish() override { return ok(); }
  void on_tracks(const SourceTracks& source) override { tracks.push_back(source); }
  void on_target_duration(MediaTime promised) override { target = promised; }
  void on_closed_captions() override { ++captions; }
  void on_unaligned_rung(int /*index*/) override {}
  void on_segment(const SegmentStart& segment) override { segments.push_back(segment); }

  void send_video(std::int64_t dts_ms, bool is_key, std::int64_t offset_ms = 0) {
    REQUIRE(timeline
                ->push({.track = video,
                        .payload = Bytes::copy_of("picture"),
                        .dts = std::chrono::milliseconds(dts_ms),
                        .pts = std::chrono::milliseconds(dts_ms + offset_ms),
                        .is_key_frame = is_key,
                        .received_at = clock.steady_now()})
                .has_value());
  }
  void send_audio(std::int64_t dts_ms) {
    REQUIRE(timeline
                ->push({.track = audio,
                        .payload = Bytes::copy_of("sound"),
                        .dts = std::chrono::milliseconds(dts_ms),
                        .pts = std::chrono::milliseconds(dts_ms),
                        .is_key_frame = true,
                        .received_at = clock.steady_now()})
                .has_value());
  }

  /// Real time from `from_ms` on, on the source's clock: 30 frames/s in cut-off milliseconds, a key
  /// frame each `gop` frames counted from `from_ms`, and 48 kHz AAC.
  struct Run {
    std::int64_t from_ms = 0;
    std::int64_t length_ms = 0;
    int gop = 60;
    bool with_video = true;
    bool with_audio = true;
  };
  void run(Run options) {
    std::int64_t frame = 0, sound = 0;
    for (std::int64_t ms = 0; ms < options.length_ms; ++ms) {
      while (options.with_video && frame * 1000 / 30 <= ms) {
        send_video(options.from_ms + frame * 1000 / 30, frame % options.gop == 0);
        ++frame;
      }
      while (options.with_audio && sound * 1024 / 48 <= ms) {
        send_audio(options.from_ms + sound * 1024 / 48);
        ++sound;
      }
      clock.advance(1ms);
      if (ms % 100 == 0) REQUIRE(timeline->tick().has_value());
    }
  }

  double counted(const std::string& event) {
    return metrics
        .counter("millrace_timeline_events_total", "", {{"channel", "c"}, {"event", event}})
        .value();
  }
};

inline void check_contiguous(const std::vector<EncodedPacket>& packets) {
  for (std::size_t i = 1; i < packets.size(); ++i) {
    CAPTURE(i);
    if (packets[i].starts_discontinuity || packets[i].follows_gap)
      REQUIRE(packets[i].dts >= packets[i - 1].dts + packets[i - 1].duration);
    else
      REQUIRE(packets[i].dts == packets[i - 1].dts + packets[i - 1].duration);
  }
}

inline std::vector<SegmentNumber> openings(const std::vector<EncodedPacket>& packets) {
  std::vector<SegmentNumber> numbers;
  for (const auto& packet : packets)
    if (packet.opens_segment) numbers.push_back(*packet.opens_segment);
  return numbers;
}

}  // namespace millrace::test
