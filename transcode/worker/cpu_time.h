#pragma once
// CPU time spent so far, user and system. Any thread.
#include <time.h>

#include <chrono>

namespace millrace::transcode::worker {

/// `clock`: CLOCK_THREAD_CPUTIME_ID or CLOCK_PROCESS_CPUTIME_ID.
inline std::chrono::nanoseconds cpu_time(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace millrace::transcode::worker
