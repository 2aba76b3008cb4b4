#include "transcode/worker/core_limit.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace millrace::transcode::worker;

namespace {

cpu_set_t set_of(const std::vector<std::size_t>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const auto core : cores) CPU_SET(core, &set);
  return set;
}

bool are_equal(const cpu_set_t& a, const cpu_set_t& b) {
  return CPU_EQUAL(&a, &b) != 0;
}

}  // namespace

TEST_CASE("workers take the cores that they may use in turn", "[cores]") {
  const cpu_set_t allowed = set_of({1, 2, 5, 7, 8});
  CHECK(are_equal(cores_of_turn(allowed, 2, 0), set_of({1, 2})));
  CHECK(are_equal(cores_of_turn(allowed, 2, 1), set_of({5, 7})));
  CHECK(are_equal(cores_of_turn(allowed, 2, 2), set_of({8, 1})));
  CHECK(are_equal(cores_of_turn(allowed, 2, 5), set_of({1, 2})));
  CHECK(are_equal(cores_of_turn(allowed, 2, SIZE_MAX), set_of({1, 2})));
}

TEST_CASE("a worker that may have all cores, or more than there are, has them all", "[cores]") {
  const cpu_set_t allowed = set_of({0, 3});
  CHECK(are_equal(cores_of_turn(allowed, 0, 1), allowed));
  CHECK(are_equal(cores_of_turn(allowed, 2, 1), allowed));
  CHECK(are_equal(cores_of_turn(allowed, 9, 1), allowed));
}

TEST_CASE("a limited process runs on that many cores", "[cores]") {
  int count = 0;
  std::thread([&count] {  // The limit is the thread's, and of those that it starts.
    limit_cores(1, 3);
    cpu_set_t now;
    CPU_ZERO(&now);
    if (::sched_getaffinity(0, sizeof(now), &now) == 0) count = CPU_COUNT(&now);
  })
      .join();
  CHECK(count == 1);
}
