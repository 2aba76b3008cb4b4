#pragma once
// SRT connections that come in (live mode): libsrt's sockets, and one thread that reads all of
// them.
//
// libsrt has threads of its own: one receives per port, one per connection holds packets back until
// their time (TSBPD). Its accept hook runs on the former, where nothing may block.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "net/srt/receiver.h"

namespace millrace::net::srt {

/// What callers must encrypt with.
struct Encryption {
  std::string passphrase;  ///< 10 to 79 bytes; empty: none is asked for. A secret.
  int key_length = 0;      ///< At least so many bytes: 16, 24 or 32; 0: any.
};

struct Port {
  std::string address;    ///< "ADDRESS:PORT"
  Encryption encryption;  ///< Where it has a passphrase: in the place of the server's.
};

struct ServerOptions {
  std::vector<Port> listen;  ///< libsrt receives each on one thread.
  std::chrono::milliseconds latency{120};
  /// The latency is at least so many round trips, where the caller's host is known from an earlier
  /// connection; 0: it is not looked at.
  std::size_t latency_round_trips = 4;
  Encryption encryption;
  std::size_t max_connections = 1'000;
  std::size_t max_connections_per_address = 100;
  std::chrono::milliseconds peer_timeout{5'000};   ///< Without a sign of life of the caller.
  std::chrono::milliseconds idle_timeout{30'000};  ///< A caller that sends no message.
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
  Encryption encryption;               ///< As Port's.
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
