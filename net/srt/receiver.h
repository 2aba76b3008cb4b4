#pragma once
// Between libsrt's connections and who takes what they bring.
#include <chrono>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace millrace::net::srt {

/// Who takes a connection's messages. On the thread that reads, but for what says otherwise.
class Receiver {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~Receiver() = default;
  /// The handshake is over; messages follow.
  virtual void start() = 0;
  /// One message. False: it is too much, and the connection is closed.
  virtual bool receive(std::span<const std::uint8_t> message, TimePoint at) = 0;
  /// Once after some calls of receive().
  virtual void flush() = 0;
  /// The connection is no more. Nothing follows. kClosed: its other end, stop() or wants_close()
  /// has ended it. kTimedOut: the other end has vanished.
  virtual void lost(Error why) = 0;
  /// Asked some twenty times a second; true closes the connection. Any thread.
  virtual bool wants_close() const = 0;
};

}  // namespace millrace::net::srt
