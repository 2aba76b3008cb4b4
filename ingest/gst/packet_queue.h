#pragma once
// The one buffer between a pipeline's threads and its channel's loop: 8 MiB or one second, then it
// drops up to the next key frame. Any thread.
#include <chrono>
#include <cstddef>
#include <deque>

#include "base/mutex.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

class PacketQueue {
 public:
  struct Limits {
    std::size_t max_bytes = 8 * 1024 * 1024;
    /// From the oldest packet's `received_at` to the newest's: how long the loop may stand still.
    std::chrono::nanoseconds max_age = std::chrono::seconds(1);
  };
  enum class Outcome {
    kQueued,
    kQueuedFirst,  ///< It was empty: wake the reader.
    kDropped,
  };

  explicit PacketQueue(Limits limits) : limits_(limits) {}

  /// Full: the packet is dropped; a video packet takes all that depend on it along.
  Outcome push(SourcePacket packet);
  /// Everything queued, in order.
  std::deque<SourcePacket> take();
  /// Throws away what is queued and whatever is pushed from now on, uncounted.
  void close();

 private:
  bool has_room_for(const SourcePacket& packet) const REQUIRES(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::deque<SourcePacket> packets_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool awaits_key_frame_ GUARDED_BY(mutex_) = false;
  bool is_closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::ingest
