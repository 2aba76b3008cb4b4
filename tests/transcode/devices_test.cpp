#include "transcode/devices.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

TrackInfo source_of(Codec codec = Codec::kH264) {
  TrackInfo track;
  track.codec = codec;
  track.video.width = 1920;
  track.video.height = 1080;
  track.video.frame_rate = {30, 1};
  return track;
}

const std::vector<Rung> kRungs{
    {.name = "720p", .width = 1280, .height = 720, .bits_per_second = 2'500'000},
    {.name = "360p", .width = 640, .height = 360, .bits_per_second = 800'000}};

FoundDevice device(const std::string& name, int sessions = 0) {
  return {.name = name,
          .decodes = {Codec::kH264, Codec::kHevc},
          .encodes = {Codec::kH264},
          .sessions = sessions,
          .problem = {}};
}

struct Fixture {
  explicit Fixture(std::vector<FoundDevice> found, DevicePolicy policy = DevicePolicy::kPreferGpu)
      : devices(policy, metrics, clock) {
    devices.set_found(std::move(found));
  }
  std::unique_ptr<Devices::Place> choose(const std::string& channel,
                                         const TrackInfo& source = source_of()) {
    auto place = devices.choose(channel, kRungs, source);
    REQUIRE(place.has_value());
    return std::move(place).value();
  }
  std::vector<DeviceHelp> help(const std::string& channel, const TrackInfo& source = source_of()) {
    auto helps = devices.help(channel, kRungs, source);
    REQUIRE(helps.has_value());
    REQUIRE(helps.value().size() == kRungs.size());
    return std::move(helps).value();
  }
  std::string name_for(const std::string& channel, const TrackInfo& source = source_of()) {
    return choose(channel, source)->device();
  }

  Metrics metrics;
  test::FakeClock clock;
  RankedDevices devices;
};

}  // namespace

TEST_CASE("ladders are spread over the devices by their pixels", "[devices]") {
  Fixture f({device("cuda:0"), device("cuda:1")});
  const auto first = f.choose("a"), second = f.choose("b");
  CHECK(first->device() == "cuda:0");
  CHECK(second->device() == "cuda:1");
  TrackInfo small = source_of();
  small.video.width = 640;
  small.video.height = 360;
  const auto third = f.choose("c", small);
  CHECK(third->device() == "cuda:0");
  CHECK(f.name_for("d") == "cuda:1");
  CHECK(f.devices.status()[0].ladders == 2);
  CHECK(f.devices.status()[0].encoders == 4);
}

TEST_CASE("what no device can decode, is deeper than eight bits or interlaced is the CPU's",
          "[devices]") {
  Fixture f({device("cuda:0")});
  CHECK(f.name_for("a", source_of(Codec::kAv1)).empty());
  TrackInfo deep = source_of(Codec::kHevc);
  CHECK(f.name_for("a", deep) == "cuda:0");
  deep.video.bit_depth = 10;
  CHECK(f.name_for("a", deep).empty());
  TrackInfo interlaced = source_of();
  interlaced.video.is_interlaced = true;
  CHECK(f.name_for("a", interlaced).empty());
  Fixture broken({{.name = "cuda:0", .decodes = {Codec::kH264}, .encodes = {}, .problem = "odd"}});
  CHECK(broken.name_for("a").empty());
}

TEST_CASE("a device without an encoder decodes, and helps with no more", "[devices]") {
  Fixture f({{.name = "cuda:0", .decodes = {Codec::kH264}, .encodes = {}, .problem = {}}});
  const auto place = f.choose("a");
  CHECK(place->device() == "cuda:0");
  CHECK(place->help(kRungs[0]).decodes);
  CHECK_FALSE(place->help(kRungs[0]).encodes);
  CHECK(f.help("a")[0] == DeviceHelp{.decodes = true, .encodes = false});
  CHECK(f.help("a", source_of(Codec::kAv1))[0] == DeviceHelp{});
}

TEST_CASE("no more encoders are asked for than a device has at once", "[devices]") {
  Fixture f({device("cuda:0", 3)});
  const auto first = f.choose("a");
  CHECK(first->device() == "cuda:0");
  CHECK(f.help("b")[0] == DeviceHelp{});
  CHECK(f.name_for("b").empty());
}

TEST_CASE("by policy there is no device, or nothing else", "[devices]") {
  CHECK(Fixture({device("cuda:0")}, DevicePolicy::kCpu).name_for("a").empty());
  Fixture only({device("cuda:0")}, DevicePolicy::kGpuOnly);
  CHECK(only.name_for("a") == "cuda:0");
  CHECK(only.devices.choose("a", kRungs, source_of(Codec::kAv1)).error().code ==
        ErrorCode::kLimitExceeded);
  CHECK(only.devices.help("a", kRungs, source_of(Codec::kAv1)).error().code ==
        ErrorCode::kLimitExceeded);
}

TEST_CASE("a channel whose worker failed on a device goes elsewhere, for longer each time",
          "[devices]") {
  Fixture f({device("cuda:0")});
  f.choose("a")->failed("signal 11");
  CHECK(f.name_for("a").empty());
  CHECK(f.help("a")[0] == DeviceHelp{});
  CHECK(f.name_for("b") == "cuda:0");  // Others stay.
  CHECK(f.help("b")[0] == DeviceHelp{.decodes = true, .encodes = true});
  f.clock.advance(29s);
  CHECK(f.name_for("a").empty());
  f.clock.advance(1s);
  f.choose("a")->failed("signal 11");
  f.clock.advance(31s);
  CHECK(f.name_for("a").empty());
  f.clock.advance(30s);
  {
    const auto good = f.choose("a");
    CHECK(good->device() == "cuda:0");
    f.clock.advance(10s);
  }
  f.choose("a")->failed("signal 11");
  f.clock.advance(30s);
  CHECK(f.name_for("a") == "cuda:0");
  CHECK(f.devices.status()[0].last_failure == "channel a: signal 11");
}

TEST_CASE("a device on which two channels fail in succession is left out for all", "[devices]") {
  Fixture f({device("cuda:0"), device("cuda:1")});
  const auto first = f.choose("a"), other = f.choose("c"), second = f.choose("b");
  REQUIRE(first->device() == second->device());
  first->failed("its decoder failed");
  first->failed("its decoder failed");
  CHECK_FALSE(f.devices.status()[0].is_left_out);
  second->failed("its decoder failed");
  CHECK(f.devices.status()[0].is_left_out);
  CHECK(f.name_for("d") == "cuda:1");
  CHECK(f.help("d")[0].decodes);
  f.clock.advance(10s);
  CHECK_FALSE(f.devices.status()[0].is_left_out);
}
