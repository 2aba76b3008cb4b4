#include "transcode/worker/worker_slots.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace millrace::transcode::worker {

Result<WorkerSlots> WorkerSlots::create(std::size_t count) {
  void* const memory = ::mmap(nullptr, count * sizeof(Owner), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return Error{ErrorCode::kSystem, "no memory for the workers' slots"};
  const std::span<Owner> owners(static_cast<Owner*>(memory), count);
  std::uninitialized_value_construct(owners.begin(), owners.end());
  return WorkerSlots(owners);
}

WorkerSlots::WorkerSlots(WorkerSlots&& other) noexcept
    : owners_(std::exchange(other.owners_, {})) {}

WorkerSlots::~WorkerSlots() {
  if (!owners_.empty()) ::munmap(owners_.data(), owners_.size_bytes());
}

bool WorkerSlots::take(pid_t owner) {
  return std::any_of(owners_.begin(), owners_.end(), [owner](Owner& slot) {
    pid_t free = 0;
    return slot.compare_exchange_strong(free, owner);
  });
}

bool WorkerSlots::free(pid_t owner) {
  return std::any_of(owners_.begin(), owners_.end(), [owner](Owner& slot) {
    pid_t expected = owner;
    return slot.compare_exchange_strong(expected, 0);
  });
}

}  // namespace millrace::transcode::worker
