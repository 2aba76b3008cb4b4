#include "net/rate_budget.h"

#include <catch2/catch.hpp>

using millrace::net::RateBudget;

using namespace std::chrono_literals;

TEST_CASE("a budget is spent at once, and fills at its rate", "[net]") {
  RateBudget budget(3, 2);
  RateBudget::Time now{1'000s};
  for (int i = 0; i < 3; ++i) CHECK(budget.take(now));
  CHECK_FALSE(budget.take(now));
  now += 499ms;
  CHECK_FALSE(budget.take(now));
  now += 2ms;
  CHECK(budget.take(now));
  CHECK_FALSE(budget.take(now));
  now += 1h;  // Never more than it holds.
  for (int i = 0; i < 3; ++i) CHECK(budget.take(now));
  CHECK_FALSE(budget.take(now));
}

TEST_CASE("a budget is given back what was earned, up to what it holds", "[net]") {
  RateBudget budget(2, 1);
  const RateBudget::Time now{1'000s};
  CHECK(budget.take(now));
  budget.give(100);
  CHECK(budget.take(now));
  CHECK(budget.take(now));
  CHECK_FALSE(budget.take(now));
}

TEST_CASE("a clock that goes back fills nothing", "[net]") {
  RateBudget budget(1, 1);
  CHECK(budget.take(RateBudget::Time{1'000s}));
  CHECK_FALSE(budget.take(RateBudget::Time{10s}));
}
