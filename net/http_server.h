#pragma once
// HTTP and HTTPS server on the event loops. Requests of any version reach the handler as one
// HttpExchange each; it is answered at once or later (a blocking playlist reload), exactly once.
//
// Thread: a connection lives on one loop; its exchanges are handed out, answered and aborted there.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/metrics.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "net/tls_context.h"

namespace millrace::net {

enum class HttpMethod { kGet, kHead, kOptions, kPost, kPut, kDelete, kOther };

struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  std::string path;   ///< As sent, from the first '/' up to '?', not decoded.
  std::string query;  ///< Behind '?', not decoded; empty without one.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  /// Whom it is from, by trusted proxies where it came through such: "192.0.2.7:51423", or
  /// "192.0.2.7" where the proxy told no port; an IPv6 address is in brackets either way.
  std::string remote_address;

  /// The first header of this (lower-case) name, or empty.
  std::string_view header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  /// What was asked for, as the metrics tell it: "playlist", "part", "segment", "init", "page", ….
  /// A string literal.
  std::string_view kind = "other";
  /// Content-Length, Date and Connection are the server's; everything else is the handler's.
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<Bytes> body;  ///< Sent one behind the other, never copied. Not sent for HEAD.
};

/// One request waiting for its answer. Held by whoever will answer; letting go of it without an
/// answer sends 500.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual const HttpRequest& request() const = 0;
  /// The connection's loop.
  virtual EventLoop& loop() = 0;
  /// On loop(). The second answer is a bug (CHECK). After an abort it does nothing.
  virtual void respond(HttpResponse response) = 0;
  /// `task` runs once on loop() when the client has gone before the answer. Then respond() is moot.
  virtual void on_abort(std::function<void()> task) = 0;
};

/// Called on the connection's loop; must not block. Bodies of requests are not handed on (they are
/// read and dropped up to `max_body_bytes`, past it 413).
using HttpHandler = std::function<void(std::shared_ptr<HttpExchange>)>;

struct HttpServerOptions {
  std::vector<std::string> listen;  ///< "ADDRESS:PORT", IPv6 in brackets; port 0: any free one.
  std::vector<std::string> listen_tls = {};  ///< Likewise, of HTTPS: where there is `tls`.
  /// Likewise, where each connection begins with a PROXY header, and comes from a trusted proxy.
  std::vector<std::string> listen_proxy = {};
  std::vector<std::string> listen_proxy_tls = {};  ///< And has TLS behind it.
  /// Addresses and networks ("192.0.2.0/24") whose PROXY header and X-Forwarded-For are believed.
  std::vector<std::string> trusted_proxies = {};
  TlsContext* tls = nullptr;  ///< Outlives the server.
  /// Named by the error for a port that is taken, with "_tls", "_proxy", "_proxy_tls" behind it.
  std::string config_key = "http.listen";
  std::size_t max_connections = 20'000;  ///< In all; past it a new one is closed at once.
  std::size_t max_connections_per_address = 2'000;
  std::size_t max_header_bytes = 16 * 1024;  ///< Past it 431.
  std::size_t max_body_bytes = 64 * 1024;
  std::size_t max_streams = 100;  ///< Requests under way on an HTTP/2 connection.
  std::chrono::milliseconds header_timeout{
      10'000};  ///< From the first byte of a request to its end; of a PROXY header, of a TLS
                ///< handshake.
  std::chrono::milliseconds idle_timeout{75'000};   ///< Between requests on a kept connection.
  std::chrono::milliseconds write_timeout{10'000};  ///< Without progress of an answer: slow client.
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;
  /// The addresses listened on, with their real ports.
  virtual std::vector<std::string> addresses() const = 0;
  virtual std::vector<std::string> tls_addresses() const = 0;
  virtual std::vector<std::string> proxy_addresses() const = 0;
  virtual std::vector<std::string> proxy_tls_addresses() const = 0;
  /// No further connection is accepted; open ones end with their answer. Any thread.
  virtual void stop_accepting() = 0;
  /// Open ones. Any thread.
  virtual std::size_t connections() const = 0;
};

/// Listens with SO_REUSEPORT, one acceptor per loop and address. HTTP/1.1, and HTTP/2 by ALPN or,
/// without TLS, by prior knowledge (RFC 9113 3.2, 3.3). `loops`, `metrics` outlive the server;
/// `handler` is called on every loop. Metrics: millrace_http_connections (gauge),
/// millrace_http_requests_total{kind,status}, millrace_http_sent_bytes_total,
/// millrace_http_clients_closed_total{why}, millrace_http_proxy_refused_total{reason}, and by
/// version and TLS
/// millrace_http_version_connections (gauge), millrace_http_version_requests_total; of HTTP/2
/// millrace_http2_streams (gauge), millrace_http2_streams_cut_total{why}.
Result<std::unique_ptr<HttpServer>> create_http_server(HttpServerOptions options,
                                                       EventLoopGroup& loops, Metrics& metrics,
                                                       HttpHandler handler);

}  // namespace millrace::net
