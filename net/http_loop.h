#pragma once
// One loop's share of an HTTP server: its acceptors, its connections in the order of their
// deadlines, and what they share. Private to net/. Everything on the loop but listen().
#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_connection.h"
#include "net/http_server.h"
#include "net/ip_network.h"
#include "net/rtmp/connection_limits.h"

namespace millrace::net {

/// Why a request of HTTP/2 ended without a whole answer, its connection living on:
/// `millrace_http2_streams_cut_total{why=…}`.
enum class Http2CutReason {
  kClient,   ///< The client wants it no more.
  kSlow,     ///< The client gave no room for the answer in time.
  kRefused,  ///< It broke the protocol, or there were too many.
};
inline constexpr std::size_t kHttp2CutReasons = 3;
std::string_view to_string(Http2CutReason reason);

/// "192.0.2.7:51423", "[2001:db8::1]:8080".
std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint);
/// What connections are counted by: an IPv4 address, or the network of an IPv6 one.
std::string limited_address(const boost::asio::ip::address& address);

/// What all loops of a server share.
struct HttpServerContext {
  HttpServerContext(HttpServerOptions server_options, Metrics& server_metrics,
                    HttpHandler server_handler, IpNetworks trusted = {});

  /// The configuration key of such ports: "http.listen_proxy_tls".
  std::string key_of(const HttpPort& port) const;

  HttpServerOptions options;
  const IpNetworks trusted_proxies;  ///< Those of `options`.
  Metrics& metrics;
  HttpHandler handler;
  rtmp::ConnectionLimits limits;
  Gauge connections;
  struct OfVersion {
    Gauge connections;
    Counter requests;
  };
  std::vector<OfVersion> versions;  ///< By HttpVersion, without TLS and then with it.
  Gauge streams;
  std::vector<Counter> cut_streams;  ///< By Http2CutReason.
  Counter sent_bytes;
  std::vector<Counter> closed;         ///< By HttpCloseReason.
  std::vector<Counter> proxy_refused;  ///< By ProxyRefusal.
};

class HttpLoop : public std::enable_shared_from_this<HttpLoop> {
 public:
  HttpLoop(EventLoop& event_loop, std::shared_ptr<HttpServerContext> context);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  /// Opens a listening socket, before start(); the real endpoint.
  Result<boost::asio::ip::tcp::endpoint> listen(const boost::asio::ip::tcp::endpoint& endpoint,
                                                const HttpPort& port = {});
  void start();
  /// A connection has come, and counts already: by its address, or as one that is not known yet
  /// where the port has a PROXY header.
  void adopt(HttpConnection::Socket socket, const HttpPort& port,
             const boost::asio::ip::tcp::endpoint& remote);
  void stop_accepting();
  /// The loops have stopped: every connection is closed in silence. Any thread.
  void destroy();

  // For connections and their protocols.
  EventLoop& event_loop() { return event_loop_; }
  HttpServerContext& context() { return *context_; }
  bool is_stopping() const { return is_stopping_; }
  /// All connections of the loop read into it, one at a time.
  std::span<char> scratch() { return scratch_; }
  /// Likewise, what they send in one TLS record; empty without TLS.
  std::span<char> record() { return record_; }
  /// The Date header's value now, formatted once a second.
  const std::string& date();
  void count_request(std::string_view kind, int status);
  void count_stream(int by) { context_->streams.add(by); }
  void count_cut(Http2CutReason reason) {
    context_->cut_streams[static_cast<std::size_t>(reason)].increment();
  }
  /// A connection that begins with no good PROXY header, and a line on it.
  void count_proxy_refusal(ProxyRefusal refusal, std::string_view remote_address);
  void count_version(HttpVersion version, bool is_tls, int by);
  void count_version_request(HttpVersion version, bool is_tls);
  void count_sent(std::size_t bytes) { context_->sent_bytes.increment(static_cast<double>(bytes)); }
  /// A log line on a client's fault, at most one a second per reason; the others are counted in it.
  void report(HttpCloseReason reason, std::string_view remote_address, std::string_view text);

  /// A connection has told the address that it counts by from now on. False, and a line on it,
  /// where there are too many of it.
  bool try_make_known(const std::string& address, std::string_view remote_address);

  using Place = std::list<HttpWaiting>::iterator;
  void wait(Place place, HttpDeadline deadline);
  /// `address`: that it counts by; empty where it is not known yet.
  void remove(Place place, const std::string& address, HttpCloseReason reason);

 private:
  struct Acceptor;
  struct RequestCounter {
    std::string_view kind;
    int status;
    Counter counter;
  };
  struct Reports {
    std::chrono::steady_clock::time_point next{};
    std::uint64_t left_out = 0;
  };

  void accept_next(const std::shared_ptr<Acceptor>& acceptor);
  void welcome(HttpConnection::Socket socket, const HttpPort& port);
  void report_too_many(std::string_view remote_address);
  void start_tick();
  void on_tick();

  EventLoop& event_loop_;
  std::shared_ptr<HttpServerContext> context_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
  // By what they wait for. All of one list wait equally long, so its first is the first to pass.
  std::array<std::list<HttpWaiting>, kHttpDeadlines> connections_;
  std::array<std::chrono::milliseconds, kHttpDeadlines> timeouts_{};
  std::size_t open_ = 0;
  Timer tick_;
  std::chrono::milliseconds tick_interval_{};
  bool is_ticking_ = false;
  bool is_stopping_ = false;
  std::vector<char> scratch_;
  std::vector<char> record_;
  std::vector<RequestCounter> requests_;
  std::array<Reports, kHttpCloseReasons> reports_;
  std::chrono::seconds date_second_{-1};
  std::string date_;
};

}  // namespace millrace::net
