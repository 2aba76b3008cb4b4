#include "transcode/capacity.h"

#include <catch2/catch.hpp>

#include "base/log.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

std::shared_ptr<const TrackInfo> source_of(int width, int height, Rational rate = {30, 1}) {
  TrackInfo track;
  track.video.width = width;
  track.video.height = height;
  track.video.frame_rate = rate;
  return std::make_shared<const TrackInfo>(track);
}

/// Four cores, of which three may be used.
struct Fixture {
  explicit Fixture(double limit = 0.75) : capacity({.cores = 4, .limit = limit}, metrics) {
    log::set_level(log::Level::kOff);
    // A 720p rung takes a little less than half a core, a 360p one half of that; decoding nothing
    // worth speaking of.
    learn(720, 16'600'000ns);
    learn(360, 8'300'000ns);
    for (int i = 0; i < 200; ++i) capacity.observe(decoding_of(*source), 1, 1ns);
    look(0);  // The first look only begins.
    look(0);
  }
  ~Fixture() { log::set_level(log::Level::kInfo); }

  static Rung rung_of(int height) {
    return {.name = std::to_string(height) + "p", .width = height * 16 / 9, .height = height};
  }
  RungRequest request(const std::string& channel, int height, int priority = 0) const {
    return {.channel = channel,
            .priority = priority,
            .rung = rung_of(height),
            .source = source,
            .profile = Profile::kRealtime,
            .part_target = 200ms};
  }
  void learn(int height, std::chrono::nanoseconds picture) {
    for (int i = 0; i < 200; ++i)
      capacity.observe(encoding_of(rung_of(height), Profile::kRealtime, *source, 200ms), 1,
                       picture);
  }
  /// A second later: everything has used so many cores in it.
  void look(double cores) {
    busy += std::chrono::nanoseconds(static_cast<std::int64_t>(cores * 1e9));
    now += 1s;
    capacity.look(busy, now);
  }
  std::unique_ptr<Capacity::Place> admit(const std::string& channel, int height, int priority = 0) {
    auto place = capacity.admit(request(channel, height, priority));
    return place.has_value() ? std::move(place).value() : nullptr;
  }

  Metrics metrics;
  std::shared_ptr<const TrackInfo> source = source_of(1920, 1080);
  LearningCapacity capacity;
  std::chrono::nanoseconds busy{};
  std::chrono::steady_clock::time_point now{1h};
};

}  // namespace

TEST_CASE("rungs are admitted up to the limit, and what is given back is there again",
          "[capacity]") {
  Fixture f;
  // Half a core each: six of them.
  std::vector<std::unique_ptr<Capacity::Place>> places;
  for (int i = 0; i < 5; ++i) {
    places.push_back(f.admit("shop" + std::to_string(i), 720));
    REQUIRE(places.back());
  }
  CHECK(f.capacity.status().charged == Approx(2.5).epsilon(0.01));
  CHECK(f.capacity.would_fit(f.request("other", 360)));
  places.push_back(f.admit("other", 360));
  REQUIRE(places.back());
  const auto refused = f.capacity.admit(f.request("late", 720));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kLimitExceeded);
  CHECK(refused.error().message == "needs 0.50 cores, 0.26 are left");
  CHECK_FALSE(f.capacity.would_fit(f.request("late", 720)));
  places.erase(places.begin());
  CHECK(f.admit("late", 720));
}

TEST_CASE("a channel's source is decoded once", "[capacity]") {
  Fixture f;
  for (int i = 0; i < 200; ++i) f.capacity.observe(decoding_of(*f.source), 1, 33'333'333ns);
  const auto first = f.admit("shop", 360);
  CHECK(f.capacity.status().charged == Approx(1.25).epsilon(0.01));
  const auto second = f.admit("shop", 720);
  CHECK(f.capacity.status().charged == Approx(1.75).epsilon(0.01));
}

TEST_CASE("what else runs on the machine leaves less for rungs", "[capacity]") {
  Fixture f;
  for (int i = 0; i < 30; ++i) f.look(2.8);
  CHECK(f.capacity.status().others == Approx(2.8).epsilon(0.01));
  CHECK_FALSE(f.admit("shop", 360));
  for (int i = 0; i < 30; ++i) f.look(0);
  CHECK(f.admit("shop", 360));
}

TEST_CASE("what workers use is not what else runs", "[capacity]") {
  Fixture f;
  for (int i = 0; i < 30; ++i) {
    for (int k = 0; k < 60; ++k)
      f.capacity.observe(encoding_of(f.rung_of(720), Profile::kRealtime, *f.source, 200ms), 1,
                         16'666'666ns);
    f.look(1.5);
  }
  CHECK(f.capacity.status().others == Approx(0.5).epsilon(0.02));
}

TEST_CASE("a worker that claims to have worked for years takes no other's rungs for ever",
          "[capacity]") {
  Fixture f;
  const Work work = encoding_of(f.rung_of(720), Profile::kRealtime, *f.source, 200ms);
  f.capacity.observe(work, 1, std::chrono::hours(24 * 365));
  for (int i = 0; i < 60; ++i) f.capacity.observe(work, 1, 16'666'666ns);
  CHECK(f.admit("shop", 720));
}

TEST_CASE("costs are what pictures have taken, and a guess before", "[capacity]") {
  Fixture f;
  const Work hd = encoding_of(f.rung_of(720), Profile::kRealtime, *f.source, 200ms);
  CHECK(hd.name == "encode h264 superfast 1280x720");
  CHECK(hd.pictures_per_second == Approx(30));
  CHECK(f.capacity.status().seconds_per_picture.at(hd.name) == Approx(1 / 60.0).epsilon(0.01));
  // A size never seen: by its pixels, on a machine as slow as this one has been.
  auto place = f.admit("shop", 1080);
  REQUIRE(place);
  const double guess =
      encoding_of(f.rung_of(1080), Profile::kRealtime, *f.source, 200ms).first_guess;
  CHECK(guess == Approx(0.0124).epsilon(0.01));
  CHECK(f.capacity.status().rungs.front().cores > guess * 30 * 0.5);
  place.reset();
  // Twice the pictures cost twice as much.
  f.source = source_of(1920, 1080, {60, 1});
  const auto fast = f.admit("fast", 720);
  CHECK(f.capacity.status().rungs.back().cores == Approx(1).epsilon(0.01));
}

TEST_CASE("a machine that gets tight sheds the tallest rungs first, of equals the newest",
          "[capacity]") {
  Fixture f;
  const auto old_tall = f.admit("a", 720), new_tall = f.admit("b", 720), small = f.admit("c", 360);
  for (int i = 0; i < 2; ++i) f.look(2.8);
  CHECK_FALSE(new_tall->is_shed());  // Some seconds are no overload.
  for (int i = 0; i < 8 && !new_tall->is_shed(); ++i) f.look(2.1);
  CHECK(new_tall->is_shed());
  CHECK_FALSE(old_tall->is_shed());
  CHECK_FALSE(small->is_shed());
  for (int i = 0; i < 20; ++i) f.look(2.5);
  CHECK(old_tall->is_shed());
  CHECK_FALSE(small->is_shed());
  for (int i = 0; i < 20; ++i) f.look(3.5);
  CHECK(small->is_shed());
}

TEST_CASE("little more than fits is borne", "[capacity]") {
  Fixture f;
  const auto place = f.admit("a", 720);
  for (int i = 0; i < 30; ++i) f.look(2.53);
  CHECK_FALSE(place->is_shed());
}

TEST_CASE("late pictures on a full machine cost one rung at a time", "[capacity]") {
  Fixture f;
  const auto first = f.admit("a", 720), second = f.admit("b", 720);
  for (int i = 0; i < 3; ++i) {
    // By the figures there is room: workers report that they used next to all of it.
    f.capacity.observe(encoding_of(f.rung_of(720), Profile::kRealtime, *f.source, 200ms), 240, 4s);
    f.capacity.observe_drops();
    CHECK_FALSE(second->is_shed());
    f.look(4);
  }
  CHECK(second->is_shed());
  CHECK_FALSE(first->is_shed());
}

TEST_CASE("a channel of higher priority takes the place of one of lower", "[capacity]") {
  Fixture f;
  std::vector<std::unique_ptr<Capacity::Place>> places;
  for (int i = 0; i < 6; ++i) places.push_back(f.admit("low" + std::to_string(i), 720, i));
  CHECK_FALSE(f.admit("lower", 720, -1));  // None is below it.
  const auto flagship = f.admit("flagship", 720, 3);
  CHECK(flagship);
  CHECK(places[0]->is_shed());
  CHECK_FALSE(places[1]->is_shed());
  // Nobody goes for what would not fit all the same.
  for (int i = 0; i < 30; ++i) f.look(3);
  CHECK_FALSE(f.admit("flagship3", 1080, 9));
}

TEST_CASE("without a limit everything is admitted and nothing shed", "[capacity]") {
  Fixture f(0);
  std::vector<std::unique_ptr<Capacity::Place>> places;
  for (int i = 0; i < 50; ++i) places.push_back(f.admit("shop" + std::to_string(i), 720));
  for (int i = 0; i < 10; ++i) f.look(4);
  for (const auto& place : places) CHECK((place && !place->is_shed()));
}

TEST_CASE("this machine's cores are counted, and their time is read", "[capacity]") {
  Metrics metrics;
  const auto capacity = create_capacity({.limit = 0.85}, metrics);
  CHECK(capacity->status().cores >= 0.1);
  CHECK(capacity->status().limit == Approx(capacity->status().cores * 0.85));
  capacity->measure();
  capacity->measure();
  CHECK(capacity->status().others >= 0);
}
