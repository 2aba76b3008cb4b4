// Any bytes as what a client of HTTP/2 sends behind its preface, in pieces, to a whole session on a
// socket: its answers are frames, every request ends, and nothing is left of it afterwards.
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "net/http_loop.h"
#include "tests/fuzz/pieces.h"

namespace {

using namespace millrace::net;
using millrace::Bytes;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kLimit = 400;  // So small that an input can reach it.

/// A server of one loop and one connection, whose other end the input comes from.
class Server {
 public:
  Server() {
    std::array<int, 2> ends{};
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    client_ = ends[0];
    HttpConnection::Socket socket(loop_.context());
    boost::system::error_code error;
    socket.assign(boost::asio::ip::tcp::v4(), ends[1], error);
    CHECK(!error && context_->limits.try_add("192.0.2.7"));
    http_->adopt(std::move(socket), {}, {boost::asio::ip::make_address("192.0.2.7"), 1});
    take(kPreface);
  }
  ~Server() {
    if (client_ >= 0) ::close(client_);
    settle();
    for (const auto& held : held_) CHECK(*held.is_aborted);
    http_->stop_accepting();
    settle();
    CHECK(context_->connections.value() == 0);
    CHECK(context_->streams.value() == 0);
    http_->destroy();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// False once the server has closed.
  bool take(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      settle();
      if (sent < 0 && errno != EAGAIN) return false;
    }
    return true;
  }

  /// The oldest one gets its answer.
  void answer_held() {
    if (held_.empty()) return;
    const auto held = std::move(held_.front());
    held_.erase(held_.begin());
    held.exchange->respond({.headers = {}, .body = {Bytes::copy_of("late")}});
    settle();
  }

  void check_output() const {
    std::string_view rest = output_;
    while (rest.size() >= 9) {
      const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(rest[i]); };
      const std::size_t size = (byte(0) << 16u) + (byte(1) << 8u) + byte(2);
      CHECK(size <= 16 * 1024);
      CHECK(byte(3) <= NGHTTP2_CONTINUATION);
      if (rest.size() < 9 + size) return;
      rest.remove_prefix(9 + size);
    }
  }

 private:
  void handle(std::shared_ptr<HttpExchange> exchange) {
    const auto& request = exchange->request();
    CHECK(request.path.starts_with('/') || request.path == "*");
    CHECK(request.path.find_first_of("? \r\n") == std::string::npos);
    std::size_t bytes = 0;
    for (const auto& [name, value] : request.headers) {
      CHECK(!name.empty() &&
            (name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
      bytes += name.size() + value.size();
    }
    CHECK(bytes <= kLimit);
    if (request.path.starts_with("/h")) {
      auto is_aborted = std::make_shared<bool>(false);
      exchange->on_abort([is_aborted] { CHECK(!std::exchange(*is_aborted, true)); });
      held_.push_back({std::move(exchange), std::move(is_aborted)});
      return;
    }
    const bool is_big = request.path.starts_with("/b");
    exchange->respond({.headers = {{"X-Path", request.path}},
                       .body = {is_big ? big_ : Bytes::copy_of(request.query)}});
  }

  void settle() {
    for (int i = 0; i < 2; ++i) {
      loop_.poll();
      std::array<char, 16 * 1024> bytes;
      for (ssize_t size = 0;
           client_ >= 0 && (size = ::recv(client_, bytes.data(), bytes.size(), 0)) > 0;)
        output_.append(bytes.data(), static_cast<std::size_t>(size));
    }
  }

  struct Held {
    std::shared_ptr<HttpExchange> exchange;
    std::shared_ptr<bool> is_aborted;
  };

  millrace::Metrics metrics_;
  EventLoop loop_;
  int client_ = -1;
  std::vector<Held> held_;
  const Bytes big_ = Bytes::copy_of(std::string(40'000, 'b'));
  std::string output_;
  std::shared_ptr<HttpServerContext> context_ = std::make_shared<HttpServerContext>(
      HttpServerOptions{
          .listen = {}, .max_header_bytes = kLimit, .max_body_bytes = 200, .max_streams = 4},
      metrics_, [this](auto exchange) { handle(std::move(exchange)); });
  std::shared_ptr<HttpLoop> http_ = std::make_shared<HttpLoop>(loop_, context_);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  millrace::log::set_level(millrace::log::Level::kOff);
  const millrace::test::Pieces pieces({bytes, size});
  Server server;
  bool is_odd = false;
  pieces.for_each([&](auto piece) {
    if (std::exchange(is_odd, !is_odd)) server.answer_held();
    return server.take({reinterpret_cast<const char*>(piece.data()), piece.size()});
  });
  server.check_output();
  return 0;
}
