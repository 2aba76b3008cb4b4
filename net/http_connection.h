#pragma once
// One client's socket: reading, scatter-gather writing, deadlines and a proper end, for whatever
// protocol runs on it. Private to net/. Everything on its loop.
#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace millrace::net {

class HttpConnection;
class HttpLoop;

/// Why a connection ended: `millrace_http_clients_closed_total{why=…}`.
enum class HttpCloseReason {
  kClient,         ///< By the client, between requests.
  kFinished,       ///< By us, after the last answer.
  kAborted,        ///< By the client, before its answer was complete.
  kIdle,           ///< No request within the idle timeout.
  kHeaderTimeout,  ///< A request was not complete in time.
  kSlow,           ///< The answer made no progress.
  kRefused,        ///< What it sent was no request that we take.
  kTooMany,
};
inline constexpr std::size_t kHttpCloseReasons = 8;
std::string_view to_string(HttpCloseReason reason);

/// What a connection waits for; each has its timeout.
enum class HttpDeadline { kNone, kRequest, kIdle, kWrite, kLinger };
inline constexpr std::size_t kHttpDeadlines = 5;

/// The protocol that runs on a connection, which owns it: HTTP/1's is the only one.
class HttpProtocol {
 public:
  virtual ~HttpProtocol() = default;
  /// How much it would take of what has arrived; 0: nothing is read.
  virtual std::size_t wanted_bytes() const = 0;
  virtual void on_input(std::string_view bytes) = 0;
  /// The client sends no more; it may have gone.
  virtual void on_input_end() = 0;
  /// What send() could not send at once has left.
  virtual void on_sent() = 0;
  /// kRequest or kIdle has passed.
  virtual void on_deadline() = 0;
  /// The server takes no more requests but those already begun.
  virtual void on_stopping() = 0;
  /// The connection has ended. The last call, as is:
  virtual void on_closed() = 0;
  /// the server is being destroyed; nobody is told.
  virtual void on_destroyed() = 0;
};

/// A connection in the list of what it waits for.
struct HttpWaiting {
  std::shared_ptr<HttpConnection> connection;
  HttpDeadline waits_for = HttpDeadline::kNone;
  std::chrono::steady_clock::time_point until;
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;

  /// `address` is what the limits count by.
  HttpConnection(HttpLoop& loop, Socket socket, std::string remote_address, std::string address);

  /// Begins to read. `place` is this connection's in the loop's lists.
  void start(std::unique_ptr<HttpProtocol> protocol, std::list<HttpWaiting>::iterator place);

  // For the protocol.
  const std::string& remote_address() const { return remote_address_; }
  bool is_open() const { return phase_ != Phase::kClosed; }
  /// Sends `head`, then `body`, none of it copied. True when all has left at once; else on_sent()
  /// or on_closed() follows (the latter perhaps inside this call). One at a time.
  bool send(std::string head, std::vector<Bytes> body);
  /// kNone, kRequest or kIdle; counts from now.
  void expect(HttpDeadline deadline);
  /// wanted_bytes() may have grown.
  void resume_reading();
  /// Everything has been sent: says so to the client and closes when it has seen it.
  void finish(HttpCloseReason reason);
  void close(HttpCloseReason reason);

  // For the loop.
  void on_deadline(HttpDeadline deadline);
  void on_stopping();
  void destroy();

 private:
  // kLingering: our last words are out, the client's are dropped until it closes.
  enum class Phase { kOpen, kLingering, kClosed };
  enum class Flush { kDone, kBlocked, kFailed };

  void on_readable();
  void linger_on();
  void on_writable();
  Flush flush();
  void wait_writable();
  int unsent_bytes();

  HttpLoop& loop_;
  Socket socket_;
  const std::string remote_address_;
  const std::string address_;
  std::unique_ptr<HttpProtocol> protocol_;
  std::list<HttpWaiting>::iterator place_;
  Phase phase_ = Phase::kOpen;
  HttpCloseReason reason_ = HttpCloseReason::kClient;  // Of the lingering.
  bool is_waiting_readable_ = false;
  bool has_input_ended_ = false;
  // What is being sent: the head, then the pieces of the body; the next byte.
  std::string head_;
  std::vector<Bytes> body_;
  std::size_t piece_ = 0;  // 0: the head, n: body_[n - 1].
  std::size_t offset_ = 0;
  int unsent_ = 0;  // Of what the kernel held when progress was last seen.
  std::size_t dropped_bytes_ = 0;
};

}  // namespace millrace::net
