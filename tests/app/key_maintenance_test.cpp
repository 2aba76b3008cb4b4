#include "app/key_maintenance.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>

using namespace millrace;
using namespace std::chrono_literals;

namespace {

struct CountedKeys final : ingest::KeyAuthority {
  void authorize(const ingest::PublishRequest&,
                 std::function<void(Result<ingest::Grant>)>) override {}
  void maintain() override {
    if (++calls == 2) twice.set_value();
  }
  void stop() override {}
  std::atomic<int> calls = 0;
  std::promise<void> twice;
};

}  // namespace

TEST_CASE("keys are maintained again and again until the end", "[keys]") {
  CountedKeys keys;
  {
    const app::KeyMaintenance maintenance(keys);
    REQUIRE(keys.twice.get_future().wait_for(10s) == std::future_status::ready);
  }
  CHECK(keys.calls >= 2);
}
