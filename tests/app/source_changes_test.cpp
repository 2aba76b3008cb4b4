#include "app/source_changes.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::app;

namespace {

std::shared_ptr<const TrackInfo> track_of(int height, int index = 0) {
  TrackInfo track;
  track.index = index;
  track.video.height = height;
  return std::make_shared<const TrackInfo>(track);
}

struct Fixture {
  Fixture() { changes.begin(); }

  std::optional<std::string> push(std::shared_ptr<const TrackInfo> track) {
    ingest::SourcePacket packet;
    packet.track = std::move(track);
    return changes.check(packet, now);
  }
  /// So many changes, 100 ms apart; the reasons why the publisher was cut off.
  int change(int times) {
    int reasons = 0;
    for (int i = 0; i < times; ++i) {
      reasons += push(track_of(++height)) ? 1 : 0;
      now += 100ms;
    }
    return reasons;
  }
  double limited(const std::string& limit) {
    return metrics
        .counter("millrace_publish_limited_total", "Publishers cut off past one of their limits.",
                 {{"channel", "shop"}, {"limit", limit}})
        .value();
  }

  Metrics metrics;
  SourceChanges changes{"shop", metrics};
  SourceChanges::TimePoint now{1h};
  int height = 0;
};

}  // namespace

TEST_CASE("twenty changes of parameters in ten seconds are allowed, and one more is not",
          "[changes]") {
  Fixture f;
  CHECK_FALSE(f.push(track_of(0)));
  CHECK(f.change(20) == 0);
  CHECK_FALSE(f.changes.is_cut_off());
  CHECK(f.limited("parameters") == 0);
  const auto reason = f.push(track_of(1000));
  REQUIRE(reason);
  CHECK(*reason ==
        "The parameters of the stream change all the time: 20 changes in 10 s are allowed.");
  CHECK(f.changes.is_cut_off());
  CHECK(f.change(5) == 0);  // It is told once.
  CHECK(f.limited("parameters") == 1);
}

TEST_CASE("changes that are further apart may go on for ever", "[changes]") {
  Fixture f;
  f.push(track_of(0));
  for (int i = 0; i < 200; ++i) {
    f.now += 400ms;
    CHECK(f.change(1) == 0);
  }
}

TEST_CASE("what is equal, and what another track has, is no change", "[changes]") {
  Fixture f;
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(f.push(track_of(720)));
    CHECK_FALSE(f.push(track_of(360, 1)));
  }
}

TEST_CASE("who comes again has no more changes than are left of the channel's", "[changes]") {
  Fixture f;
  f.push(track_of(0));
  CHECK(f.change(21) == 1);
  f.changes.begin();
  CHECK_FALSE(f.changes.is_cut_off());
  CHECK_FALSE(f.push(track_of(5000)));
  CHECK_FALSE(f.push(track_of(5000)));
  CHECK(f.push(track_of(5001)));
  f.changes.begin();
  f.now += 10s;
  f.push(track_of(0));
  CHECK(f.change(20) == 0);
}

TEST_CASE("a publisher with whom the timeline begins anew all the time is cut off", "[changes]") {
  Fixture f;
  for (int i = 0; i <= 20; ++i) {
    CHECK_FALSE(f.changes.begin_anew(f.now));
    f.now += 100ms;
  }
  REQUIRE(f.changes.begin_anew(f.now));
  CHECK(f.limited("beginnings") == 1);
  CHECK(f.limited("parameters") == 0);
  f.changes.begin();
  CHECK_FALSE(f.changes.begin_anew(f.now));  // The next publisher's first.
}
