#pragma once
// The CPUs that this process may use, a container's limit included. Linux; any thread.
#include <chrono>

namespace millrace::transcode {

/// How many of them, a part of one included.
double usable_cores();

/// What has been spent on them since some moment, by whatever: on the machine, stolen time
/// included, or, where the container has a limit, in the container. Zero where it cannot be read.
std::chrono::nanoseconds busy_time();

}  // namespace millrace::transcode
