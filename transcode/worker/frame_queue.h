#pragma once
// Decoded pictures on their way to one rung's encoder: four at most. Any thread.
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/mutex.h"
#include "transcode/frame.h"

namespace millrace::transcode::worker {

class FrameQueue {
 public:
  static constexpr std::size_t kMaxFrames = 4;

  /// When full, waits for room until `deadline`: a burst from the network is not a reason to drop.
  /// Then the oldest picture that opens no segment goes (raw pictures depend on nothing).
  void push(Frame frame, std::chrono::steady_clock::time_point deadline);
  /// Waits. Empty once the queue is closed and empty.
  std::optional<Frame> pop();
  /// Nothing is taken any more; what is in comes out.
  void close();

  std::size_t size() const;
  std::uint64_t dropped() const;

 private:
  bool drop_oldest() REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Frame> frames_ GUARDED_BY(mutex_);
  std::uint64_t dropped_ GUARDED_BY(mutex_) = 0;
  bool is_closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::transcode::worker
