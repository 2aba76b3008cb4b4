#pragma once
// Packets on their way from the socket to the decoder. Any thread.
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <optional>

#include "base/mutex.h"
#include "media/encoded_packet.h"

namespace millrace::transcode::worker {

class PacketQueue {
 public:
  /// Small: what does not fit stays in the socket, and the server knows how much that is.
  static constexpr std::size_t kMaxPackets = 16;

  enum class State { kDone, kTimedOut, kClosed };

  /// Waits for room. `packet` is taken only with kDone.
  State push(EncodedPacket& packet, std::chrono::milliseconds patience);
  /// Waits for a packet. kClosed once the queue is closed and empty.
  State pop(EncodedPacket& packet, std::chrono::milliseconds patience);
  void close();

 private:
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<EncodedPacket> packets_ GUARDED_BY(mutex_);
  bool is_closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::transcode::worker
