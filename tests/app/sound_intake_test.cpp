#include "app/sound_intake.h"

#include <vector>

#include "media/opus.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::app;

namespace {

/// Without a worker: what does not pass as it is is left out.
struct Fixture {
  explicit Fixture(Codec codec)
      : intake({.channel = "shop", .worker_path = "", .codec = codec}, loop, metrics,
               [this](ingest::SourcePacket packet) {
                 out.push_back(std::move(packet));
                 return ok();
               }) {}

  bool passes(const TrackInfo& track, std::string_view payload) {
    const std::size_t before = out.size();
    ingest::SourcePacket packet;
    packet.track = std::make_shared<const TrackInfo>(track);
    packet.payload = Bytes::copy_of(payload);
    REQUIRE(intake.push(std::move(packet)).has_value());
    return out.size() > before;
  }

  net::EventLoop loop;
  Metrics metrics;
  std::vector<ingest::SourcePacket> out;
  SoundIntake intake;
};

TrackInfo of(Codec codec) {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = codec;
  return track;
}

// RFC 6716 3.1: CELT over the full band, stereo.
constexpr std::string_view kTwentyMilliseconds = "\xFC and so on";
constexpr std::string_view kTenMilliseconds = "\xF4 and so on";

}  // namespace

TEST_CASE("AAC passes whatever other sound becomes", "[sound]") {
  for (const Codec codec : {Codec::kAac, Codec::kOpus}) {
    Fixture f(codec);
    CHECK(f.passes(of(Codec::kAac), "sound"));
    CHECK_FALSE(f.passes(of(Codec::kMp2), "sound"));
  }
}

TEST_CASE("Opus passes where sound becomes Opus, in packets of 20 ms", "[sound]") {
  const TrackInfo stereo = opus_track(2, 312).value();
  CHECK_FALSE(Fixture(Codec::kAac).passes(stereo, kTwentyMilliseconds));
  Fixture f(Codec::kOpus);
  CHECK(f.passes(stereo, kTwentyMilliseconds));
  CHECK(f.passes(opus_track(6, 312).value(), kTwentyMilliseconds));
  CHECK_FALSE(f.passes(stereo, kTenMilliseconds));
  CHECK_FALSE(f.passes(stereo, ""));
}
