#pragma once
// How many processes may be workers, counted in memory that a parent shares with its children: a
// child takes a slot once it knows who calls, and the parent frees it whatever the child dies of.
//
// Any process of the family.
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <span>

#include "base/result.h"

namespace millrace::transcode::worker {

class WorkerSlots {
 public:
  /// Shared with children from now on. kSystem: no memory.
  static Result<WorkerSlots> create(std::size_t count);
  ~WorkerSlots();
  WorkerSlots(WorkerSlots&& other) noexcept;
  WorkerSlots& operator=(WorkerSlots&&) = delete;
  WorkerSlots(const WorkerSlots&) = delete;

  std::size_t size() const { return owners_.size(); }
  /// False where all are taken.
  bool take(pid_t owner);
  /// Whether it had one.
  bool free(pid_t owner);

 private:
  using Owner = std::atomic<pid_t>;
  static_assert(Owner::is_always_lock_free);  // Between processes nothing else works.

  explicit WorkerSlots(std::span<Owner> owners) : owners_(owners) {}

  std::span<Owner> owners_;  ///< 0: free.
};

}  // namespace millrace::transcode::worker
