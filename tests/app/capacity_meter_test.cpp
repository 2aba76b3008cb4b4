#include "app/capacity_meter.h"

#include <catch2/catch.hpp>
#include <future>

using namespace millrace;
using namespace millrace::app;

namespace {

struct FakeCapacity final : transcode::Capacity {
  Result<std::unique_ptr<Place>> admit(const transcode::RungRequest&) override {
    return Error{ErrorCode::kLimitExceeded, "no room"};
  }
  bool would_fit(const transcode::RungRequest&) const override { return false; }
  void measure() override {
    if (!std::exchange(is_measured, true)) measured.set_value();
  }
  transcode::CapacityStatus status() const override { return {}; }
  void observe(const transcode::Work&, std::uint64_t, std::chrono::nanoseconds) override {}
  void observe_drops() override {}

  bool is_measured = false;  // The meter's thread.
  std::promise<void> measured;
};

}  // namespace

TEST_CASE("the machine is looked at from the start, and the meter ends at once", "[capacity]") {
  FakeCapacity capacity;
  CapacityMeter meter(capacity);
  CHECK(capacity.measured.get_future().wait_for(std::chrono::seconds(10)) ==
        std::future_status::ready);
}
