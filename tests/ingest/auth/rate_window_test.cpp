#include "ingest/auth/rate_window.h"

#include <catch2/catch.hpp>

using millrace::ingest::RateWindow;
using namespace std::chrono_literals;

namespace {

/// `amount` each 100 ms of [from, to).
void add_steadily(RateWindow& window, std::chrono::nanoseconds from, std::chrono::nanoseconds to,
                  std::int64_t amount) {
  for (auto at = from; at < to; at += 100ms) window.add(at, amount);
}

}  // namespace

TEST_CASE("a rate is judged once the window is full", "[auth]") {
  RateWindow window(5s);
  CHECK_FALSE(window.exceeds(0));
  add_steadily(window, 0s, 5s, 1'000);
  CHECK_FALSE(window.exceeds(1));
  window.add(5s, 1'000);
  CHECK(window.exceeds(9'999));
  CHECK_FALSE(window.exceeds(10'001));
}

TEST_CASE("what is older than the window does not count", "[auth]") {
  RateWindow window(5s);
  add_steadily(window, 0s, 10s, 1'000);
  CHECK(window.exceeds(9'000));
  add_steadily(window, 10s, 15s, 10);
  CHECK_FALSE(window.exceeds(101));
  CHECK(window.exceeds(99));
}

TEST_CASE("a burst is a burst by its share of the whole window", "[auth]") {
  RateWindow window(5s);
  add_steadily(window, 0s, 6s, 1'000);
  window.add(6s, 10'000);
  CHECK_FALSE(window.exceeds(12'000));
  CHECK(window.exceeds(11'000));
}

TEST_CASE("times may be negative, late by a little, or begin anew", "[auth]") {
  RateWindow window(5s);
  add_steadily(window, -20s, -10s, 1'000);
  CHECK(window.exceeds(9'000));
  window.add(-11s, 5'000);  // Late: counts as now.
  CHECK(window.exceeds(10'900));
  window.add(1h, 1);
  CHECK_FALSE(window.exceeds(0));
  window.add(-1h, 1);
  CHECK_FALSE(window.exceeds(0));
}
