#pragma once
// RTMP server on the event loops: accepts publishers and hands their messages on. Knows no media.
//
// Thread: a connection lives on one loop at a time; its events are called there.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "net/rtmp/server_session.h"
#include "net/tls_context.h"

namespace millrace::net::rtmp {

struct ServerOptions {
  std::vector<std::string> listen;  ///< "ADDRESS:PORT", IPv6 in brackets; port 0: any free one.
  std::string config_key = "rtmp.listen";  ///< Named by the error for a port that is taken.
  TlsContext* tls = nullptr;               ///< RTMPS: outlives the server. Null: plain RTMP.
  std::size_t max_connections = 4'000;     ///< In all; past it a new one is closed at once.
  std::size_t max_connections_per_address = 1'000;
  std::size_t max_message_bytes = 8 * 1024 * 1024;  ///< Past it the connection ends.
  /// Sent and not yet taken by the peer; past it the connection ends.
  std::size_t max_output_bytes = 64 * 1024;
  std::chrono::milliseconds handshake_timeout{5'000};  ///< From accept to the handshake's end.
  std::chrono::milliseconds publish_timeout{10'000};   ///< From accept to an accepted publish.
  std::chrono::milliseconds idle_timeout{30'000};      ///< A publisher that sends nothing.
  /// A connection that we end is read and dropped for so long, that our last words get through.
  std::chrono::milliseconds linger_timeout{1'000};
};

/// One connection. Every call on its loop; none does anything once the connection has ended.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual EventLoop& loop() = 0;
  virtual const std::string& remote_address() const = 0;  ///< "192.0.2.7:51423"
  /// Until it has ended, by either side.
  virtual bool is_open() const = 0;
  /// For replies that come later, on any thread: lock() on the connection's loop only.
  virtual std::weak_ptr<Connection> weak() = 0;

  /// While a publish waits: the socket and all state go to `target`, one of the server's loops,
  /// and `then` runs there. It does not run if the connection ends on the way. Never from inside
  /// on_publish().
  virtual void move_to(EventLoop& target, std::function<void()> then) = 0;
  /// While a publish waits: it begins.
  virtual void accept_publish() = 0;
  /// While a publish waits: `code` and `description` go to the encoder, then it ends like end().
  virtual void refuse_publish(std::string_view code, std::string_view description, Error why) = 0;
  /// Ends it: `description` goes to the encoder, `why` to on_closed(), soon, never inside this
  /// call. No event but on_closed() comes any more.
  virtual void end(std::string_view code, std::string_view description, Error why) = 0;
  /// Bytes received from now on are counted there.
  virtual void count_received_on(Counter counter) = 0;
};

/// What a connection tells its owner. Destroyed with the connection, on its loop.
class ConnectionEvents : public SessionEvents {
 public:
  /// The last call, exactly once. No error: the encoder ended its stream, if it had one, and left.
  virtual void on_closed(const Status& how) = 0;
};

/// Makes the events of a new connection, which outlives them. Called on every loop.
using ConnectionHandler = std::function<std::unique_ptr<ConnectionEvents>(Connection&)>;

class Server {
 public:
  virtual ~Server() = default;  ///< Stops.
  /// The addresses listened on, with their real ports.
  virtual std::vector<std::string> addresses() const = 0;
  /// Closes the listening sockets and every connection, on their loops, soon. Any thread.
  virtual void stop() = 0;
};

/// Listens with SO_REUSEPORT, one acceptor per loop and address. `loops`, `metrics`, `clock` and
/// what `handler` refers to outlive the loops' threads. Metrics: millrace_rtmp_connections (gauge),
/// millrace_rtmp_connections_closed_total{why}, millrace_rtmp_received_bytes_total{channel}.
Result<std::unique_ptr<Server>> create_server(ServerOptions options, EventLoopGroup& loops,
                                              Metrics& metrics, const Clock& clock,
                                              ConnectionHandler handler);

}  // namespace millrace::net::rtmp
