#include "ingest/timeline/source_probe.h"

#include "tests/ingest/timeline/timeline_fixture.h"

using namespace millrace;
using namespace millrace::test;

namespace {

SourcePacket packet_of(const std::shared_ptr<const TrackInfo>& track, MediaTime time,
                       std::size_t bytes, bool is_key_frame) {
  return {.track = track,
          .payload = Bytes(MutableBytes(bytes)),
          .dts = time,
          .pts = time,
          .is_key_frame = is_key_frame,
          .received_at = {}};
}

std::shared_ptr<const TrackInfo> second_picture() {
  TrackInfo track = *video_track();
  track.index = 1;
  return std::make_shared<const TrackInfo>(track);
}

}  // namespace

TEST_CASE("a probe holds so much and no more, whatever nothing can begin with", "[probe]") {
  const std::size_t bytes = GENERATE(std::size_t{4}, std::size_t{1024 * 1024});
  FakeClock clock;
  SourceProbe probe(clock);
  const auto track = second_picture();
  std::size_t held = 0;
  while (held < 1'000'000 && probe.add(packet_of(track, 0ms, bytes, true)).empty()) ++held;
  CHECK(held * bytes <= 34 * 1024 * 1024);
  CHECK(held < 200'000);
  CHECK(probe.is_full());
  CHECK(probe.is_complete({}));
}

TEST_CASE("pictures that all have one time end a probe all the same", "[probe]") {
  FakeClock clock;
  SourceProbe probe(clock);
  const auto track = video_track();
  std::size_t pictures = 0;
  while (pictures < 10'000 && !probe.is_complete(announced(true, false))) {
    REQUIRE(probe.add(packet_of(track, 0ms, 4, pictures == 0)).empty());
    ++pictures;
    clock.advance(1ms);
  }
  CHECK(pictures > 100);
  CHECK(pictures <= 1000);
}

TEST_CASE("a publisher of nothing that a channel can begin with is ended", "[probe]") {
  Fixture f;
  f.timeline->begin_source({});
  const auto track = second_picture();
  Status status = ok();
  int sent = 0;
  for (; sent < 100 && status.has_value(); ++sent)
    status = f.timeline->push(packet_of(track, 0ms, 1024 * 1024, true));
  CHECK(sent < 50);
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kLimitExceeded);
}
