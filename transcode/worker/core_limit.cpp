#include "transcode/worker/core_limit.h"

#include <vector>

namespace millrace::transcode::worker {

cpu_set_t cores_of_turn(const cpu_set_t& allowed, std::size_t count, std::size_t turn) {
  std::vector<std::size_t> cores;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  if (count == 0 || count >= cores.size()) return allowed;
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  const std::size_t first = turn % cores.size() * count;
  for (std::size_t i = 0; i < count; ++i) CPU_SET(cores[(first + i) % cores.size()], &chosen);
  return chosen;
}

void limit_cores(std::size_t count, std::size_t turn) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (count == 0 || ::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  const cpu_set_t chosen = cores_of_turn(allowed, count, turn);
  // It only fails where a container takes cores away just now.
  (void)::sched_setaffinity(0, sizeof(chosen), &chosen);
}

}  // namespace millrace::transcode::worker
