#pragma once
// Keeps a worker to some of the cores that it may use. Linux.
#include <sched.h>

#include <cstddef>

namespace millrace::transcode::worker {

/// `count` cores of `allowed`, taken in turn: the first `turn` gets the first ones, the next one
/// those behind, and so on round. All of them where `count` is 0 or they are not more.
cpu_set_t cores_of_turn(const cpu_set_t& allowed, std::size_t count, std::size_t turn);

/// This process, before it has threads. What cannot be limited is left as it is.
void limit_cores(std::size_t count, std::size_t turn);

}  // namespace millrace::transcode::worker
