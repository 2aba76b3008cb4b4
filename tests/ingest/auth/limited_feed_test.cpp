#include "ingest/auth/limited_feed.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::ingest;
using namespace std::chrono_literals;

namespace {

using TimePoint = std::chrono::steady_clock::time_point;

struct StoppedPublisher final : Publisher {
  void stop(std::string_view why) override { reasons.emplace_back(why); }
  std::string protocol() const override { return "test"; }
  std::string remote_address() const override { return "192.0.2.7:1"; }
  std::vector<std::string> reasons;
};

/// A publisher under limits, and what of it gets through.
struct Fixture {
  struct CountedFeed final : Feed {
    explicit CountedFeed(Fixture& owner) : fixture(owner) {}
    void unpublish() override { ++fixture.goodbyes; }
    void announce(const Announcement&) override { ++fixture.announcements; }
    Status push(SourcePacket) override {
      ++fixture.pushes;
      return ok();
    }
    Status finish() override {
      ++fixture.finishes;
      return ok();
    }
    Fixture& fixture;
  };

  explicit Fixture(const PublishLimits& limits)
      : feed(limit_feed(std::make_unique<CountedFeed>(*this), publisher,
                        {.channel = "shop", .ladder = {}, .limits = limits}, now, metrics)) {}

  static std::shared_ptr<const TrackInfo> video(int width, int height) {
    TrackInfo track;
    track.kind = MediaKind::kVideo;
    track.video.width = width;
    track.video.height = height;
    return std::make_shared<const TrackInfo>(track);
  }

  void push(std::size_t bytes) {
    SourcePacket packet;
    packet.track = track;
    packet.payload = Bytes::copy_of(std::string(bytes, 'x'));
    packet.dts = packet.pts = media;
    packet.received_at = now;
    CHECK(feed->push(std::move(packet)).has_value());
  }
  /// Pictures of `bytes` at `rate`, in step with the clock.
  void send(std::chrono::seconds length, int rate, std::size_t bytes) {
    for (int i = 0; i < length.count() * rate && publisher.reasons.empty(); ++i) {
      push(bytes);
      media += std::chrono::nanoseconds(1s) / rate;
      now += std::chrono::nanoseconds(1s) / rate;
    }
  }
  double limited(const std::string& limit) {
    return metrics
        .counter("millrace_publish_limited_total", "Publishers cut off past one of their limits.",
                 {{"channel", "shop"}, {"limit", limit}})
        .value();
  }

  Metrics metrics;
  TimePoint now{1h};
  MediaTime media{};
  std::shared_ptr<const TrackInfo> track = video(1280, 720);
  StoppedPublisher publisher;
  int goodbyes = 0, announcements = 0, pushes = 0, finishes = 0;
  std::unique_ptr<Feed> feed;
};

// At 25 pictures a second.
constexpr std::size_t kOneMegabit = 5'000;

}  // namespace

TEST_CASE("without a limit the feed is the channel's own", "[auth]") {
  Fixture f{PublishLimits{}};
  CHECK(dynamic_cast<LimitedFeed*>(f.feed.get()) == nullptr);
  f.send(60s, 25, 100 * kOneMegabit);
  CHECK(f.pushes == 60 * 25);
}

TEST_CASE("a publisher within its limits is let through whole", "[auth]") {
  Fixture f{{.bits_per_second = 1'000'000,
             .width = 1280,
             .height = 720,
             .frame_rate = 25,
             .session = 1h}};
  f.feed->announce({});
  f.send(120s, 25, kOneMegabit);
  CHECK(f.publisher.reasons.empty());
  CHECK(f.pushes == 120 * 25);
  CHECK(f.feed->finish().has_value());
  CHECK(f.announcements == 1);
  f.feed->unpublish();
  CHECK(f.goodbyes == 1);
  CHECK(f.finishes == 1);
}

TEST_CASE("a bit rate that stays above its limit ends the publisher once", "[auth]") {
  Fixture f{{.bits_per_second = 1'000'000}};
  f.send(20s, 25, kOneMegabit + kOneMegabit / 2);
  REQUIRE(f.publisher.reasons.size() == 1);
  CHECK(f.publisher.reasons[0] == "The bit rate is too high: 1000 kb/s are allowed.");
  CHECK(f.limited("bitrate") == 1);
  CHECK(f.pushes >= 5 * 25);
  CHECK(f.pushes < 6 * 25);
  const int before = f.pushes;
  f.push(1);
  CHECK(f.pushes == before);
  CHECK(f.publisher.reasons.size() == 1);
  CHECK(f.feed->finish().has_value());
  CHECK(f.finishes == 1);
}

TEST_CASE("key frames may be large, and rate control has its tolerance", "[auth]") {
  Fixture f{{.bits_per_second = 1'000'000}};
  for (int second = 0; second < 60; ++second) {
    f.push(10 * kOneMegabit);  // Four tenths of the second's bits at once.
    f.send(1s, 25, kOneMegabit * 7 / 10);
  }
  CHECK(f.publisher.reasons.empty());
}

TEST_CASE("what a network held back comes in a burst and is no higher rate", "[auth]") {
  Fixture f{{.bits_per_second = 1'000'000, .frame_rate = 25}};
  f.send(20s, 25, kOneMegabit);
  f.now += 8s;
  for (int i = 0; i < 8 * 25; ++i) {  // Eight seconds of media at once.
    f.push(kOneMegabit);
    f.media += 40ms;
  }
  f.send(20s, 25, kOneMegabit);
  CHECK(f.publisher.reasons.empty());
}

TEST_CASE("timestamps that run ahead do not hide a bit rate for long", "[auth]") {
  Fixture f{{.bits_per_second = 1'000'000}};
  for (int i = 0; i < 60 * 25 && f.publisher.reasons.empty(); ++i) {
    f.push(2 * kOneMegabit);
    f.media += 80ms;
    f.now += 40ms;
  }
  REQUIRE(f.publisher.reasons.size() == 1);
  CHECK(f.now < TimePoint{1h} + 32s);
}

TEST_CASE("timestamps that stand still are no higher rate", "[auth]") {
  Fixture f{{.bits_per_second = 1'000'000, .frame_rate = 25}};
  for (int i = 0; i < 60 * 25; ++i) {
    f.push(kOneMegabit);
    if (i % 2 == 0) f.media += 40ms;
    f.now += 40ms;
  }
  CHECK(f.publisher.reasons.empty());
}

TEST_CASE("a picture larger than its limit is refused, whichever way it is turned", "[auth]") {
  const PublishLimits limits{.width = 1280, .height = 720};
  for (const auto& [width, height] : {std::pair{1280, 720}, std::pair{720, 1280}}) {
    Fixture f{limits};
    f.track = Fixture::video(width, height);
    f.push(1);
    CHECK(f.publisher.reasons.empty());
  }
  for (const auto& [width, height] : {std::pair{1920, 720}, std::pair{960, 960}}) {
    Fixture f{limits};
    f.track = Fixture::video(width, height);
    f.push(1);
    REQUIRE(f.publisher.reasons.size() == 1);
    CHECK(f.publisher.reasons[0].find("1280 by 720 is allowed") != std::string::npos);
    CHECK(f.limited("resolution") == 1);
    CHECK(f.pushes == 0);
  }
}

TEST_CASE("a picture that grows later is refused then", "[auth]") {
  Fixture f{{.height = 720}};
  f.push(1);
  f.track = Fixture::video(1920, 1080);
  f.push(1);
  CHECK(f.pushes == 1);
  REQUIRE(f.publisher.reasons.size() == 1);
  CHECK(f.publisher.reasons[0] == "The picture of 1920x1080 is too large: any by 720 is allowed.");
}

TEST_CASE("the pictures of ready-made rungs are no higher frame rate", "[auth]") {
  Fixture f{{.frame_rate = 25}};
  const auto main = f.track;
  TrackInfo other = *main;
  other.index = 1;
  const auto rung = std::make_shared<const TrackInfo>(other);
  for (int i = 0; i < 20 * 25; ++i) {
    f.track = main;
    f.push(1);
    f.track = rung;
    f.push(1);
    f.media += 40ms;
    f.now += 40ms;
  }
  CHECK(f.publisher.reasons.empty());
}

TEST_CASE("more pictures a second than allowed end the publisher, sound does not count", "[auth]") {
  Fixture f{{.frame_rate = 30}};
  TrackInfo audio;
  audio.kind = MediaKind::kAudio;
  const auto video = f.track;
  f.track = std::make_shared<const TrackInfo>(audio);
  f.send(20s, 47, 100);
  CHECK(f.publisher.reasons.empty());
  f.track = video;
  f.send(20s, 30, 100);
  CHECK(f.publisher.reasons.empty());
  f.send(20s, 60, 100);
  REQUIRE(f.publisher.reasons.size() == 1);
  CHECK(f.publisher.reasons[0] == "The frame rate is too high: 30 are allowed.");
  CHECK(f.limited("frame_rate") == 1);
}

TEST_CASE("a session ends when it has lasted as long as it may", "[auth]") {
  Fixture f{{.session = 10s}};
  f.send(10s, 25, 100);
  CHECK(f.publisher.reasons.empty());
  f.send(1s, 25, 100);
  REQUIRE(f.publisher.reasons.size() == 1);
  CHECK(f.publisher.reasons[0] == "The session is over: it may last 10 s.");
  CHECK(f.limited("session") == 1);
}
