#pragma once
// SRT connections that come in (live mode): libsrt's sockets, and one thread that reads all of
// them.
//
// libsrt has threads of its own: one receives per port, one per connection holds packets back until
// their time (TSBPD). Its accept hook runs on the former, where nothing may block.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"

namespace millrace::net::srt {

struct ServerOptions {
  std::vector<std::string> listen;  ///< "ADDRESS:PORT"; libsrt receives each port on one thread.
  std::chrono::milliseconds latency{120};
  std::string passphrase;  ///< 10 to 79 bytes; empty: callers need none. A secret.
  std::size_t max_connections = 1'000;
  std::size_t max_connections_per_address = 100;
  std::chrono::milliseconds peer_timeout{5'000};   ///< Without a sign of life of the caller.
  std::chrono::milliseconds idle_timeout{30'000};  ///< A caller that sends no message.
};

/// Who takes a connection's messages. On the server's thread, but for what says otherwise.
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
  /// The connection is no more. Nothing follows.
  virtual void lost(Error why) = 0;
  /// Asked some twenty times a second; true closes the connection. Any thread.
  virtual bool wants_close() const = 0;
};

/// Codes of the access-control guideline (AccessControl.md), which callers show.
enum class Refusal {
  kBadRequest = 1400,
  kUnauthorized = 1401,
  kOverload = 1402,
  kBadMode = 1405,
  kBadType = 1415,
  kInternal = 1500,
};

/// What is to become of a handshake.
struct Verdict {
  std::shared_ptr<Receiver> receiver;  ///< Null: refused.
  std::string passphrase;              ///< Empty: the server's. A secret.
  std::string channel;                 ///< For metrics.
  Refusal refusal = Refusal::kUnauthorized;
  std::string why;  ///< For the log.
};

struct Handshake {
  std::string stream_id;  ///< Has secrets in it.
  std::string remote_address;
};

/// On libsrt's thread: never blocks. `reply` is called exactly once, inside the call or later, on
/// any thread; a caller that is refused later has its connection closed without a code.
using Decide = std::function<void(const Handshake& handshake, std::function<void(Verdict)> reply)>;

class Server {
 public:
  virtual ~Server() = default;
  virtual std::vector<std::string> addresses() const = 0;  ///< With their real ports.
  /// Closes ports and connections; their receivers hear that they are lost. Any thread but its own.
  virtual void stop() = 0;
};

Result<std::unique_ptr<Server>> create_server(ServerOptions options, Metrics& metrics,
                                              const Clock& clock, Decide decide);

}  // namespace millrace::net::srt
