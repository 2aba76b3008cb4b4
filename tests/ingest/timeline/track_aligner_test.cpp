#include "ingest/timeline/track_aligner.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;

namespace {

/// Aligns packets of one moment or another.
struct Fixture {
  TrackAligner aligner;
  std::shared_ptr<const TrackInfo> video = std::make_shared<const TrackInfo>();
  std::shared_ptr<const TrackInfo> audio = make_audio();

  static std::shared_ptr<const TrackInfo> make_audio() {
    TrackInfo track;
    track.kind = MediaKind::kAudio;
    return std::make_shared<const TrackInfo>(track);
  }

  /// The decoding time that it is given.
  MediaTime align(const std::shared_ptr<const TrackInfo>& track, MediaTime dts, MediaTime arrival,
                  bool disagrees = false) {
    SourcePacket packet;
    packet.track = track;
    packet.dts = dts;
    packet.pts = dts + 40ms;
    packet.received_at = std::chrono::steady_clock::time_point(1h + arrival);
    CHECK(aligner.align(packet) == disagrees);
    CHECK(packet.pts - packet.dts == 40ms);
    return packet.dts;
  }
};

}  // namespace

TEST_CASE("tracks of one clock are left alone, whichever begins late", "[track_aligner]") {
  Fixture f;
  CHECK(f.align(f.audio, 0s, 0s) == 0s);
  CHECK(f.align(f.audio, 5980ms, 5980ms) == 5980ms);
  CHECK(f.align(f.video, 6s, 6s) == 6s);
}

TEST_CASE("the second track is moved to the first where both clocks say so", "[track_aligner]") {
  Fixture f;
  CHECK(f.align(f.video, 10s, 0s) == 10s);
  CHECK(f.align(f.audio, 3h, 10ms, true) == 10s);
  CHECK(f.align(f.audio, 3h + 20ms, 30ms) == 10s + 20ms);
  CHECK(f.align(f.video, 10s + 40ms, 40ms) == 10s + 40ms);
}

TEST_CASE("a burst or a hold-up at the start is no other clock", "[track_aligner]") {
  Fixture f;
  SECTION("pictures that the encoder had kept come before the first sound") {
    f.align(f.video, 0s, 0s);
    f.align(f.video, 2s, 1ms);
    CHECK(f.align(f.audio, 0s, 2ms) == 0s);
  }
  SECTION("the network stands still between the two") {
    f.align(f.audio, 0s, 0s);
    CHECK(f.align(f.video, 0s, 3s) == 0s);
  }
}
