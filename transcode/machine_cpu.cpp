#include "transcode/machine_cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace millrace::transcode {
namespace {

/// Of cgroup v2, in cores.
std::optional<double> container_limit() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return {};
  return std::stod(quota) / period;
}

std::chrono::nanoseconds of_container() {
  std::ifstream file("/sys/fs/cgroup/cpu.stat");
  std::string name;
  std::int64_t value = 0;
  while (file >> name >> value)
    if (name == "usage_usec") return std::chrono::microseconds(value);
  return {};
}

/// proc(5): user nice system idle iowait irq softirq steal, in ticks, of all CPUs.
std::chrono::nanoseconds of_machine() {
  std::ifstream file("/proc/stat");
  std::string name;
  file >> name;
  std::int64_t ticks = 0;
  for (int i = 0; i < 8; ++i) {
    std::int64_t value = 0;
    file >> value;
    if (i != 3 && i != 4) ticks += value;
  }
  return file ? std::chrono::nanoseconds(ticks * (1'000'000'000 / ::sysconf(_SC_CLK_TCK)))
              : std::chrono::nanoseconds(0);
}

}  // namespace

double usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  double cores = ::sched_getaffinity(0, sizeof(set), &set) == 0
                     ? CPU_COUNT(&set)
                     : static_cast<double>(std::thread::hardware_concurrency());
  if (const auto limit = container_limit()) cores = std::min(cores, *limit);
  return std::max(cores, 0.1);
}

std::chrono::nanoseconds busy_time() {
  return container_limit() ? of_container() : of_machine();
}

}  // namespace millrace::transcode
