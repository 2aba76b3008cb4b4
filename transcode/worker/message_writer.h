#pragma once
// Writes whole messages to the server. A server that does not read makes the writers wait: what is
// unsent is never more than the socket's buffer and one message. Any thread.
#include <atomic>
#include <cstdint>
#include <span>

#include "base/mutex.h"

namespace millrace::transcode::worker {

class MessageWriter {
 public:
  /// The descriptor is borrowed and blocking.
  explicit MessageWriter(int descriptor) : descriptor_(descriptor) {}

  /// A message in two pieces. False when the server is gone, and from then on.
  bool write(std::span<const std::uint8_t> head, std::span<const std::uint8_t> payload = {});
  bool has_failed() const { return has_failed_; }

 private:
  Mutex mutex_;  // Held while writing, so that messages stay whole.
  const int descriptor_;
  std::atomic<bool> has_failed_ = false;
};

}  // namespace millrace::transcode::worker
