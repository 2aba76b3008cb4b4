#include "app/rung_admission.h"

#include <catch2/catch.hpp>

#include "base/log.h"
#include "tests/support/fake_clock.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::app;

namespace {

/// Has room for so many rungs that the CPU encodes; what a device encodes takes none.
struct FakeCapacity final : transcode::Capacity {
  struct FakePlace final : Place {
    FakePlace(FakeCapacity& its_capacity, bool is_on_device)
        : capacity(its_capacity), count(is_on_device ? capacity.on_devices : capacity.taken) {
      ++count;
    }
    ~FakePlace() override { --count; }
    bool is_shed() const override { return capacity.is_shedding; }
    FakeCapacity& capacity;
    int& count;
  };
  Result<std::unique_ptr<Place>> admit(const transcode::RungRequest& request) override {
    asked.push_back(request.rung.name);
    if (!would_fit(request)) return Error{ErrorCode::kLimitExceeded, "no room"};
    return std::unique_ptr<Place>(std::make_unique<FakePlace>(*this, request.help.encodes));
  }
  bool would_fit(const transcode::RungRequest& request) const override {
    return request.help.encodes || taken < room;
  }
  void measure() override {}
  transcode::CapacityStatus status() const override { return {}; }
  void observe(const transcode::Work&, std::uint64_t, std::chrono::nanoseconds) override {}
  void observe_drops() override {}

  int room = 0;
  int taken = 0;
  int on_devices = 0;
  bool is_shedding = false;
  std::vector<std::string> asked;
};

struct Fixture {
  explicit Fixture(transcode::DevicePolicy policy = transcode::DevicePolicy::kCpu)
      : devices(transcode::create_devices(policy, metrics, clock)) {
    log::set_level(log::Level::kOff);
    admission.set_rungs({{.name = "720p", .width = 1280, .height = 720},
                         {.name = "360p", .width = 640, .height = 360}},
                        source);
  }
  ~Fixture() { log::set_level(log::Level::kInfo); }

  std::vector<bool> admit(bool tall, bool small, const RungAdmission::Helps& helps = {{}, {}}) {
    return admission.admit({tall, small}, helps, now);
  }
  void find_device() {
    devices->set_found(
        {{.name = "cuda:0", .decodes = {Codec::kH264}, .encodes = {Codec::kH264}, .problem = {}}});
  }
  double refused() { return metrics.gauge("millrace_transcode_rungs_refused", "").value(); }

  Metrics metrics;
  FakeCapacity capacity;
  test::FakeClock clock;
  const std::shared_ptr<const TrackInfo> source = std::make_shared<const TrackInfo>();
  std::unique_ptr<transcode::Devices> devices;
  RungAdmission admission{"shop",   0,      transcode::Profile::kBalanced, 200ms, capacity,
                          *devices, metrics};
  RungAdmission::TimePoint now{1h};
};

using Rungs = std::vector<bool>;
constexpr transcode::DeviceHelp kOnDevice{.decodes = true, .encodes = true};
constexpr transcode::DeviceHelp kOnCpu{};

}  // namespace

TEST_CASE("rungs that somebody wants have their places, which they give back", "[admission]") {
  Fixture f;
  f.capacity.room = 2;
  CHECK(f.admit(true, true) == Rungs{true, true});
  CHECK(f.capacity.taken == 2);
  CHECK(f.admit(true, true) == Rungs{true, true});
  CHECK(f.capacity.taken == 2);
  CHECK(f.admit(true, false) == Rungs{true, false});
  CHECK(f.capacity.taken == 1);
  f.admission.set_rungs({}, nullptr);
  CHECK(f.capacity.taken == 0);
}

TEST_CASE("of two rungs that do not fit together the smaller one is admitted", "[admission]") {
  Fixture f;
  f.capacity.room = 1;
  CHECK(f.admit(true, true) == Rungs{false, true});
  CHECK(f.admission.is_refused(0));
  CHECK_FALSE(f.admission.is_refused(1));
  CHECK(f.refused() == 1);
}

TEST_CASE("a refused rung is asked for again after some seconds, no sooner", "[admission]") {
  Fixture f;
  CHECK(f.admit(true, false) == Rungs{false, false});
  f.capacity.room = 1;
  f.now += 4999ms;
  CHECK(f.admit(true, false) == Rungs{false, false});
  CHECK(f.capacity.asked.size() == 1);
  f.now += 1ms;
  CHECK(f.admit(true, false) == Rungs{true, false});
  CHECK_FALSE(f.admission.is_refused(0));
  CHECK(f.refused() == 0);
}

TEST_CASE("a refused rung that nobody wants any more is offered again once it would fit",
          "[admission]") {
  Fixture f;
  f.admit(true, false);
  f.now += 5s;
  f.admit(false, false);
  CHECK(f.admission.is_refused(0));
  f.capacity.room = 1;
  f.now += 5s;
  CHECK(f.admit(false, false) == Rungs{false, false});
  CHECK_FALSE(f.admission.is_refused(0));
  CHECK(f.capacity.taken == 0);
}

TEST_CASE("a rung that is shed ends, and waits before it is admitted again", "[admission]") {
  Fixture f;
  f.capacity.room = 1;
  CHECK(f.admit(true, false) == Rungs{true, false});
  f.capacity.is_shedding = true;
  CHECK(f.admit(true, false) == Rungs{false, false});
  CHECK(f.admission.is_refused(0));
  CHECK(f.capacity.taken == 0);
  f.capacity.is_shedding = false;
  CHECK(f.admit(true, false) == Rungs{false, false});
  f.now += 5s;
  CHECK(f.admit(true, false) == Rungs{true, false});
}

TEST_CASE("what other machines encode needs no place here", "[admission]") {
  Fixture f;
  f.capacity.room = 1;
  CHECK(f.admit(true, true) == Rungs{false, true});
  CHECK(f.admission.admit_elsewhere({true, true}) == Rungs{true, true});
  CHECK(f.capacity.taken == 0);
  CHECK(f.refused() == 0);
  // Back here.
  CHECK(f.admit(true, true) == Rungs{false, true});
  CHECK(f.refused() == 1);
}

TEST_CASE("a rung that a device encodes is charged for the CPU's work when its device fails",
          "[admission]") {
  Fixture f(transcode::DevicePolicy::kPreferGpu);
  f.find_device();
  f.capacity.room = 2;
  CHECK(f.admit(true, true) == Rungs{true, true});
  CHECK(f.capacity.on_devices == 2);
  CHECK(f.admit(true, true, {kOnDevice, kOnDevice}) == Rungs{true, true});
  CHECK(f.capacity.asked.size() == 2);
  CHECK(f.admit(true, true, {kOnCpu, kOnCpu}) == Rungs{true, true});
  CHECK(f.capacity.on_devices == 0);
  CHECK(f.capacity.taken == 2);
  CHECK(f.admit(true, true, {kOnCpu, kOnCpu}) == Rungs{true, true});
  CHECK(f.capacity.asked.size() == 4);
  // Its next worker has a device again.
  CHECK(f.admit(true, true, {kOnDevice, kOnDevice}) == Rungs{true, true});
  CHECK(f.capacity.on_devices == 2);
  CHECK(f.capacity.taken == 0);
}

TEST_CASE("rungs that come from a device to a CPU without room are refused, the smallest last",
          "[admission]") {
  Fixture f(transcode::DevicePolicy::kPreferGpu);
  f.find_device();
  f.capacity.room = 1;
  CHECK(f.admit(true, true) == Rungs{true, true});
  CHECK(f.admit(true, true, {kOnCpu, kOnCpu}) == Rungs{false, true});
  CHECK(f.admission.is_refused(0));
  CHECK(f.capacity.on_devices == 0);
  CHECK(f.capacity.taken == 1);
}

TEST_CASE("a rung is charged for the CPU's work where its channel has failed on the only device",
          "[admission]") {
  Fixture f(transcode::DevicePolicy::kPreferGpu);
  f.find_device();
  auto place = f.devices->choose("shop", {}, *f.source);
  REQUIRE(place.has_value());
  place.value()->failed("signal 11");
  f.capacity.room = 1;
  CHECK(f.admit(false, true) == Rungs{false, true});
  CHECK(f.capacity.taken == 1);
}

TEST_CASE("where only a device would do, a further rung is admitted to its last encoder",
          "[admission]") {
  Fixture f(transcode::DevicePolicy::kGpuOnly);
  f.devices->set_found({{.name = "cuda:0",
                         .decodes = {Codec::kH264},
                         .encodes = {Codec::kH264},
                         .sessions = 2,
                         .problem = {}}});
  CHECK(f.admit(true, false) == Rungs{true, false});
  const auto worker = f.devices->choose("shop", {{.name = "720p"}}, *f.source);
  REQUIRE(worker.has_value());
  CHECK(f.admit(true, true, {kOnDevice, {}}) == Rungs{true, true});
  const auto another = f.devices->choose("shop", {{.name = "360p"}}, *f.source);
  REQUIRE(another.has_value());
  CHECK(f.admit(true, true, {kOnDevice, kOnDevice}) == Rungs{true, true});
  CHECK(f.capacity.on_devices == 2);
}

TEST_CASE("where only a device would do, rungs are refused until there is one, and after it fails",
          "[admission]") {
  Fixture f(transcode::DevicePolicy::kGpuOnly);
  f.capacity.room = 2;
  CHECK(f.admit(true, true) == Rungs{false, false});
  CHECK(f.refused() == 2);
  CHECK(f.capacity.asked.empty());
  f.find_device();
  f.now += 5s;
  CHECK(f.admit(true, true) == Rungs{true, true});
  CHECK(f.refused() == 0);
  CHECK(f.capacity.on_devices == 2);
  auto place = f.devices->choose("shop", {}, *f.source);
  REQUIRE(place.has_value());
  place.value()->failed("signal 11");
  // No worker can be started.
  CHECK(f.admit(true, true) == Rungs{false, false});
  CHECK(f.refused() == 2);
  CHECK(f.capacity.on_devices + f.capacity.taken == 0);
}
