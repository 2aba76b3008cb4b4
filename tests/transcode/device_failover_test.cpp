// A ladder on a device that fails: the fake one, in a real worker.
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "tests/transcode/ladder_show.h"
#include "transcode/remote_hosts.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::test;

namespace {

/// Two fake devices, and what they are told.
struct Fakes {
  Fakes() {
    char name[] = "/tmp/millrace-devices-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = name;
    tell(0, "");
    tell(1, "");
    ::setenv("MILLRACE_FAKE_DEVICES", (path(0) + ":" + path(1)).c_str(), 1);
  }
  ~Fakes() {
    ::unsetenv("MILLRACE_FAKE_DEVICES");
    std::filesystem::remove_all(folder);
  }
  std::string path(int device) const { return folder + "/" + std::to_string(device); }
  void tell(int device, const std::string& command) const {
    std::ofstream(path(device) + ".new") << command;
    std::filesystem::rename(path(device) + ".new", path(device));
  }
  std::string folder;
};

transcode::FoundDevice fake(int number) {
  return {.name = "fake:" + std::to_string(number),
          .decodes = {Codec::kH264},
          .encodes = {Codec::kH264},
          .problem = {}};
}

using Helps = std::vector<std::optional<transcode::DeviceHelp>>;
constexpr transcode::DeviceHelp kOnDevice{.decodes = true, .encodes = true};

struct DeviceShow {
  explicit DeviceShow(transcode::DevicePolicy policy = transcode::DevicePolicy::kPreferGpu)
      : devices(transcode::create_devices(policy, metrics, clock)) {
    devices->set_found({fake(0), fake(1)});
  }
  int ladders(std::size_t device) const { return devices->status()[device].ladders; }

  Metrics metrics;
  SystemClock clock;
  std::unique_ptr<transcode::Devices> devices;
};

/// Two hosts that are listed, and refuse every connection.
struct DeadHosts {
  struct Connection final : net::TlsConnection {
    Connection(net::EventLoop& loop, net::TlsConnectionEvents events) : timer(loop) {
      timer.start(0ms, [on_ended = std::move(events.on_ended)] {
        on_ended(Error{ErrorCode::kClosed, "no connection"});
      });
    }
    void send(Bytes) override {}
    void close_sending() override {}
    net::Timer timer;
  };

  double failures() {
    return metrics.counter("millrace_transcode_remote_failures_total", "", {{"host", "a:1"}})
               .value() +
           metrics.counter("millrace_transcode_remote_failures_total", "", {{"host", "b:1"}})
               .value();
  }

  Metrics metrics;
  SystemClock clock;
  transcode::RemoteHosts hosts{
      {"a:1", "b:1"},
      [](const std::string&, net::EventLoop& loop, net::TlsConnectionEvents events) {
        return std::make_unique<Connection>(loop, std::move(events));
      },
      metrics,
      clock};
};

}  // namespace

TEST_CASE("a ladder is made on a device", "[devices]") {
  const Fakes fakes;
  DeviceShow on;
  Show show(make_clip({.frames = 75}), MILLRACE_TRANSCODER, transcode::Profile::kBalanced,
            {true, true}, on.devices.get());
  CHECK(show.ladder->help() == Helps(2));
  REQUIRE(show.run_until_delivered(5));
  CHECK(on.ladders(0) == 1);
  CHECK(show.ladder->help() == Helps(2, kOnDevice));
  REQUIRE(show.run_to_end());
  check_rung(show.large, show.clip);
  check_rung(show.small, show.clip);
  CHECK(show.restarts() == 0);
}

TEST_CASE("a device that fails in mid-stream is left for another one, then for the CPU",
          "[devices]") {
  const std::string failure = GENERATE("decode", "encode", "crash", "hang");
  CAPTURE(failure);
  const Fakes fakes;
  DeviceShow on;
  Show show(make_clip({.frames = 150, .gop = 30}), MILLRACE_TRANSCODER,
            transcode::Profile::kBalanced, {true, true}, on.devices.get());
  REQUIRE(show.run_until_delivered(40));
  fakes.tell(0, failure);
  REQUIRE(show.run([&] { return show.restarts() == 1; }));
  // The same make: nothing is missing where the next one goes on in time.
  REQUIRE(show.run_until_delivered(70));
  CHECK(on.ladders(1) == 1);
  CHECK(show.ladder->help() == Helps(2, kOnDevice));
  show.ahead = 64;  // The next one waits for a segment to open.
  fakes.tell(1, failure);
  // What it costs is the CPU's from here on.
  REQUIRE(show.run([&] {
    return show.restarts() == 2 && show.ladder->help() == Helps(2, transcode::DeviceHelp{});
  }));
  REQUIRE(show.run_to_end());
  CHECK(show.restarts() == 2);
  CHECK(on.ladders(0) + on.ladders(1) == 0);
  CHECK_FALSE(on.devices->status()[0].last_failure.empty());
  // The CPU's parameter sets are others: it begins where a segment opens, and is whole from there.
  const auto& packets = show.small.packets;
  const auto first = packets.front().track;
  const auto change = std::find_if(packets.begin(), packets.end(),
                                   [&](const auto& packet) { return *packet.track != *first; });
  REQUIRE(change != packets.end());
  CHECK(change->opens_segment.has_value());
  CHECK(change->follows_gap);
  CHECK(std::next(change)->pts > change->pts);
  CHECK(packets.back().pts == show.clip.back().pts);
  const auto before = std::prev(change);
  CHECK(change->pts - before->pts <= 60 * change->duration);  // A GOP, and what was on its way.
}

TEST_CASE("a device that does not open is left for the CPU before anything is missing",
          "[devices]") {
  const Fakes fakes;
  fakes.tell(0, "open");
  fakes.tell(1, "open");
  DeviceShow on;
  Show show(make_clip({.frames = 75}), MILLRACE_TRANSCODER, transcode::Profile::kBalanced,
            {true, true}, on.devices.get());
  REQUIRE(show.run_to_end());
  check_rung(show.large, show.clip);
  CHECK(show.restarts() == 2);
}

TEST_CASE(
    "where no host has a worker a ladder is made on a device of this machine, as without hosts",
    "[devices]") {
  const auto policy =
      GENERATE(transcode::DevicePolicy::kPreferGpu, transcode::DevicePolicy::kGpuOnly);
  const Fakes fakes;
  DeviceShow on(policy);
  DeadHosts dead;
  Show show(make_clip({.frames = 75}), MILLRACE_TRANSCODER, transcode::Profile::kBalanced,
            {true, true}, on.devices.get(), &dead.hosts);
  REQUIRE(show.run_until_delivered(5));
  CHECK(dead.failures() == 2);
  CHECK(on.ladders(0) == 1);
  CHECK(show.ladder->help() == Helps(2, kOnDevice));
  REQUIRE(show.run_to_end());
  check_rung(show.large, show.clip);
  check_rung(show.small, show.clip);
  CHECK(show.restarts() == 0);
  CHECK(show.crashes.empty());
}

TEST_CASE("where no host has a worker and no device either, the policy decides about the CPU",
          "[devices]") {
  DeadHosts dead;
  SECTION("it will do") {
    DeviceShow on(transcode::DevicePolicy::kPreferGpu);
    on.devices->set_found({});
    Show show(make_clip({.frames = 75}), MILLRACE_TRANSCODER, transcode::Profile::kBalanced,
              {true, true}, on.devices.get(), &dead.hosts);
    REQUIRE(show.run_until_delivered(5));
    CHECK(show.ladder->help() == Helps(2, transcode::DeviceHelp{}));
    REQUIRE(show.run_to_end());
    check_rung(show.small, show.clip);
    CHECK(show.restarts() == 0);
  }
  SECTION("it will not do") {
    DeviceShow on(transcode::DevicePolicy::kGpuOnly);
    on.devices->set_found({});
    Show show(make_clip({.frames = 75}), MILLRACE_TRANSCODER, transcode::Profile::kBalanced,
              {true, true}, on.devices.get(), &dead.hosts);
    const auto refusals = [&show] {
      return show.metrics
          .counter("millrace_errors_total", "Errors, by stage and code.",
                   {{"stage", "transcode"}, {"code", "limit_exceeded"}})
          .value();
    };
    REQUIRE(show.run([&] { return refusals() > 0 || !show.small.packets.empty(); }));
    CHECK(show.small.packets.empty());
    CHECK(show.workers() == 0);
    CHECK(show.ladder->help() == Helps(2));
    // Nothing comes out that the feeding could wait for.
    show.ahead = show.clip.size();
    REQUIRE(show.run_to_end());
    CHECK(show.small.packets.empty());
  }
}

TEST_CASE("a probe finds what a device can do, and one that does not open", "[devices]") {
  const Fakes fakes;
  fakes.tell(1, "open");
  net::EventLoop loop;
  std::vector<transcode::FoundDevice> found;
  const auto probe = transcode::probe_devices(MILLRACE_DEVICE_TRANSCODER, loop, [&](auto result) {
    REQUIRE(result.has_value());
    for (auto& device : result.value())
      if (device.name.starts_with("fake:")) found.push_back(std::move(device));
    loop.stop();
  });
  REQUIRE(probe.has_value());
  loop.run();
  REQUIRE(found.size() == 2);
  CHECK(found[0].problem.empty());
  CHECK(found[0].decodes == std::vector<Codec>{Codec::kH264, Codec::kHevc});
  CHECK(found[0].encodes == std::vector<Codec>{Codec::kH264});
  CHECK(found[0].sessions == 0);
  CHECK(found[1].problem == "fake device: told not to open");
}

TEST_CASE("a probe that crashes is told", "[devices]") {
  net::EventLoop loop;
  std::string error;
  const auto probe = transcode::probe_devices("/bin/false", loop, [&](auto result) {
    REQUIRE_FALSE(result.has_value());
    error = result.error().message;
    loop.stop();
  });
  REQUIRE(probe.has_value());
  loop.run();
  CHECK(error == "the probe of devices: exit code 1");
}
