#pragma once
// One client's connection: TLS where the port has it, reading, scatter-gather writing, deadlines
// and a proper end, for the HTTP version that is recognised on it. Private to net/. Everything on
// its loop.
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "net/http_transport.h"
#include "net/proxy_protocol.h"

namespace millrace::net {

class HttpConnection;
class HttpLoop;
struct HttpRequest;

/// Less than this taken by a client within a write timeout is no progress: 13 kbit/s by default,
/// less than any stream's audio.
inline constexpr std::size_t kMinProgressBytes = 16 * 1024;

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
  kTls,    ///< The handshake failed, or was not complete in time.
  kFlood,  ///< More frames or cut streams of HTTP/2 than requests explain.
  kProxy,  ///< No PROXY header where there has to be one, or of whom it is not believed.
};
inline constexpr std::size_t kHttpCloseReasons = 11;
std::string_view to_string(HttpCloseReason reason);

/// What a connection waits for; each has its timeout. kStreams: to look at HTTP/2's streams again.
enum class HttpDeadline { kNone, kRequest, kIdle, kWrite, kLinger, kStreams };
inline constexpr std::size_t kHttpDeadlines = 6;

/// What a port's connections begin with.
struct HttpPort {
  TlsContext* tls = nullptr;      ///< Null for clear text. Outlives them.
  bool has_proxy_header = false;  ///< In front of TLS.
};

enum class HttpVersion { kHttp1, kHttp2 };
inline constexpr std::size_t kHttpVersions = 2;

/// The version that runs on a connection, which owns it.
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
  /// kRequest, kIdle or kStreams has passed.
  virtual void on_deadline(HttpDeadline deadline) = 0;
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
  using Socket = HttpTransport::Socket;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  /// `remote` is the other end, which the limits count: by its address, or as one that is not known
  /// yet where the port has a PROXY header.
  HttpConnection(HttpLoop& loop, Socket socket, const HttpPort& port, const Endpoint& remote);

  /// Begins to read. `place` is this connection's in the loop's lists.
  void start(std::list<HttpWaiting>::iterator place);

  // For the protocol.
  /// The other end, or who it said by a PROXY header that the client is.
  const std::string& remote_address() const { return remote_address_; }
  /// Whom a trusted proxy at remote_address() says that the request is for; else empty.
  std::string forwarded_for(const HttpRequest& request) const;
  bool is_open() const { return phase_ != Phase::kClosed; }
  /// Sends `head`, then `body`, none of it copied. True when all has left at once; else on_sent()
  /// or on_closed() follows (the latter perhaps inside this call). One at a time.
  bool send(std::string head, std::vector<Bytes> body);
  /// kNone, kRequest, kIdle or kStreams; counts from now.
  void expect(HttpDeadline deadline);
  /// wanted_bytes() may have grown.
  void resume_reading();
  /// Everything has been sent: says so to the client and closes when it has seen it.
  void finish(HttpCloseReason reason);
  void close(HttpCloseReason reason);
  void count_request(std::string_view kind, int status);

  // For the loop.
  void on_deadline(HttpDeadline deadline);
  void on_stopping();
  void destroy();

 private:
  // kLingering: our last words are out, the client's are dropped until it closes.
  enum class Phase { kOpen, kLingering, kClosed };
  enum class Flush { kDone, kBlocked, kFailed };

  void on_ready_to_read();
  void on_readable();
  bool read_proxy_header();
  bool become(const Endpoint& remote);
  void refuse_proxy(ProxyRefusal refusal);
  bool shake_hands();
  void recognise(std::string_view bytes);
  void begin(HttpVersion version);
  void begin_with_what_came();
  void linger_on();
  void on_writable();
  Flush flush();
  void wait_writable();
  int unsent_bytes();

  HttpLoop& loop_;
  HttpTransport transport_;
  Endpoint remote_;
  std::string remote_address_;
  std::string address_;  // What the limits count by; empty: not known yet.
  bool is_trusted_proxy_ = false;
  std::unique_ptr<ProxyHeaderParser> proxy_header_;  // Until it has come.
  std::unique_ptr<HttpProtocol> protocol_;           // Null until the version is known.
  HttpVersion version_ = HttpVersion::kHttp1;
  std::string first_bytes_;  // A part of HTTP/2's preface.
  std::list<HttpWaiting>::iterator place_;
  Phase phase_ = Phase::kOpen;
  HttpCloseReason reason_ = HttpCloseReason::kClient;  // Of the lingering.
  bool is_waiting_readable_ = false;
  bool reads_when_writable_ = false;  // Within a TLS handshake.
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
