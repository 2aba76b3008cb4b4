#include "transcode/worker/priority.h"

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace millrace::transcode::worker;

namespace {

/// Of a thread of its own, which stays as it is made: after each call, in order.
std::vector<int> niceness_after(const std::vector<void (*)(Priority&)>& calls, Priority& priority) {
  std::vector<int> seen;
  std::thread([&] {
    for (const auto& call : calls) {
      call(priority);
      seen.push_back(::getpriority(PRIO_PROCESS, 0));
    }
  }).join();
  return seen;
}

const auto apply = [](Priority& priority) { priority.apply(); };
const auto end_haste = [](Priority& priority) { priority.end_haste(); };

}  // namespace

TEST_CASE("a worker's threads give way from where it has caught up on, each by itself",
          "[priority]") {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  const int after = std::max(before, Priority::kNiceness);
  Priority priority;
  CHECK(niceness_after({apply, end_haste, apply, apply}, priority) ==
        std::vector{before, before, after, after});
  CHECK(niceness_after({apply}, priority) == std::vector{after});
  CHECK(::getpriority(PRIO_PROCESS, 0) == before);
}

TEST_CASE("a worker that does not catch up gives way after a while all the same", "[priority]") {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  Priority priority(std::chrono::steady_clock::now() - Priority::kLongestHaste);
  CHECK(niceness_after({apply}, priority) == std::vector{std::max(before, Priority::kNiceness)});
}
