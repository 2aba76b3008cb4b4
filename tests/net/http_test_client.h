#pragma once
// A raw HTTP client of blocking sockets with a deadline, and a server on a loop of its own, for
// tests of the HTTP server. Everything on the test's thread.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.h"

namespace millrace::test {

// Whatever a test waits for comes in milliseconds or never; sanitizers and a busy machine are slow.
inline constexpr std::chrono::seconds kDeadline{20};

struct HttpReply {
  int status = 0;  ///< 0: the connection ended before a whole answer.
  std::string head;
  std::string body;
  /// Of a header whose name is spelt so; empty without one.
  std::string header(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class HttpTestClient {
 public:
  explicit HttpTestClient(const std::string& address, int receive_buffer_bytes = 0) {
    const auto colon = address.rfind(':');
    const auto port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    const bool is_v6 = address.front() == '[';
    descriptor_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval deadline{.tv_sec = kDeadline.count(), .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    if (receive_buffer_bytes > 0)
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes);
    if (is_v6) {
      sockaddr_in6 to{};
      to.sin6_family = AF_INET6;
      to.sin6_port = port;
      to.sin6_addr = in6addr_loopback;
      is_connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    } else {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = port;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      is_connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    }
  }
  ~HttpTestClient() { close(); }
  HttpTestClient(const HttpTestClient&) = delete;
  HttpTestClient& operator=(const HttpTestClient&) = delete;

  bool is_connected() const { return is_connected_; }
  /// Everything that follows is in TLS. `protocols`: offered by ALPN, each behind its length;
  /// empty: nothing. False where the handshake fails.
  bool start_tls(std::string_view protocols = {}) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    tls_.reset(SSL_new(context.get()));
    SSL_set_fd(tls_.get(), descriptor_);
    if (!protocols.empty())
      SSL_set_alpn_protos(tls_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
    return SSL_connect(tls_.get()) == 1;
  }
  /// What was agreed upon by ALPN.
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(tls_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent =
          tls_ ? SSL_write(tls_.get(), text.data(), static_cast<int>(text.size()))
               : static_cast<int>(::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL));
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// What has come and was not read, or comes next; empty once the server has ended.
  std::string receive_some() {
    if (received_.empty()) receive();
    return std::exchange(received_, {});
  }
  void end_sending() { ::shutdown(descriptor_, SHUT_WR); }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  /// Closes with a reset instead of an end.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

  enum class Content { kByLength, kNone };
  /// The next answer; `kNone` after HEAD.
  HttpReply read(Content content = Content::kByLength) {
    HttpReply reply;
    std::size_t end = 0;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos)
      if (!receive()) return reply;
    reply.head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    const auto length = reply.header("Content-Length");
    const std::size_t size = content == Content::kNone || length.empty() ? 0 : std::stoul(length);
    while (received_.size() < size)
      if (!receive()) return reply;
    reply.body = received_.substr(0, size);
    received_.erase(0, size);
    reply.status = std::stoi(reply.head.substr(9, 3));
    return reply;
  }
  HttpReply get(const std::string& path) {
    send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
    return read();
  }
  /// Reads to the end. True when the server ended the connection and nothing was left to read.
  bool is_closed_without_more() {
    while (receive()) {
    }
    return has_ended_ && received_.empty();
  }

 private:
  bool receive() {
    char buffer[16384];
    const auto size = tls_ ? SSL_read(tls_.get(), buffer, sizeof buffer)
                           : static_cast<int>(::recv(descriptor_, buffer, sizeof buffer, 0));
    if (size == 0 || (size < 0 && errno == ECONNRESET)) has_ended_ = true;
    if (size <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(size));
    return true;
  }

  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };

  int descriptor_ = -1;
  std::unique_ptr<SSL, FreeTls> tls_;
  bool is_connected_ = false;
  bool has_ended_ = false;
  std::string received_;
};

/// Exchanges that a handler has put aside for the test to answer.
class HttpParkingLot {
 public:
  void park(std::shared_ptr<net::HttpExchange> exchange) {
    const std::scoped_lock lock(mutex_);
    exchanges_.push_back(std::move(exchange));
    changed_.notify_all();
  }
  /// The oldest; waits for it. Null past the deadline.
  std::shared_ptr<net::HttpExchange> take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kDeadline, [this] { return !exchanges_.empty(); })) return nullptr;
    auto exchange = std::move(exchanges_.front());
    exchanges_.pop_front();
    return exchange;
  }
  std::size_t size() {
    const std::scoped_lock lock(mutex_);
    return exchanges_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<net::HttpExchange>> exchanges_;
};

/// A server on 127.0.0.1 and the threads that run it; ends in the order that the server asks for.
class RunningHttpServer {
 public:
  explicit RunningHttpServer(net::HttpHandler handler, net::HttpServerOptions options = {},
                             std::size_t loop_count = 1)
      : loops(loop_count) {
    if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
    auto created = net::create_http_server(std::move(options), loops, metrics, std::move(handler));
    if (!created.has_value()) std::abort();
    server = std::move(created).value();
    loops.start();
  }
  ~RunningHttpServer() { loops.stop_and_join(); }

  std::string address() const { return server->addresses().front(); }
  std::string tls_address() const { return server->tls_addresses().front(); }
  std::string proxy_address() const { return server->proxy_addresses().front(); }
  std::string proxy_tls_address() const { return server->proxy_tls_addresses().front(); }
  /// Runs `task` on the first loop and waits for its end.
  void run(std::function<void()> task) {
    std::promise<void> done;
    loops.loop(0).post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  double closed(const std::string& why) {
    return metrics.counter("millrace_http_clients_closed_total", "", {{"why", why}}).value();
  }
  double proxy_refused(const std::string& reason) {
    return metrics.counter("millrace_http_proxy_refused_total", "", {{"reason", reason}}).value();
  }
  double requests(const std::string& kind, int status) {
    return metrics
        .counter("millrace_http_requests_total", "",
                 {{"kind", kind}, {"status", std::to_string(status)}})
        .value();
  }
  double errors(ErrorCode code) {
    return metrics
        .counter("millrace_errors_total", "",
                 {{"stage", "http"}, {"code", std::string(to_string(code))}})
        .value();
  }
  double cut(const std::string& why) {
    return metrics.counter("millrace_http2_streams_cut_total", "", {{"why", why}}).value();
  }
  double streams() { return metrics.gauge("millrace_http2_streams", "").value(); }
  double version_requests(const std::string& version, const std::string& tls) {
    return metrics
        .counter("millrace_http_version_requests_total", "", {{"version", version}, {"tls", tls}})
        .value();
  }
  double connections() { return metrics.gauge("millrace_http_connections", "").value(); }
  /// Waits for what the loop has yet to do. False past the deadline.
  bool eventually(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < until) {
      if (condition()) return true;
      run([] {});
    }
    return false;
  }

  Metrics metrics;
  net::EventLoopGroup loops;
  std::unique_ptr<net::HttpServer> server;
};

}  // namespace millrace::test
