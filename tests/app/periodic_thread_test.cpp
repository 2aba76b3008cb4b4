#include "app/periodic_thread.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

using namespace millrace;
using namespace std::chrono_literals;

TEST_CASE("the work is done again and again until the end", "[periodic]") {
  std::atomic<int> calls = 0;
  std::promise<void> twice;
  {
    const app::PeriodicThread thread(1ms, [&] {
      if (++calls == 2) twice.set_value();
    });
    REQUIRE(twice.get_future().wait_for(10s) == std::future_status::ready);
  }
  CHECK(calls >= 2);
}

TEST_CASE("the work begins at once, and the end waits for no pause", "[periodic]") {
  std::promise<void> once;
  const auto began = std::chrono::steady_clock::now();
  {
    const app::PeriodicThread thread(1h, [&] { once.set_value(); });
    REQUIRE(once.get_future().wait_for(10s) == std::future_status::ready);
  }
  CHECK(std::chrono::steady_clock::now() - began < 1min);
}
