#include "net/tls_client.h"

#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <fmt/format.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <optional>

#include "net/tcp_options.h"
#include "net/tls_stream.h"

namespace millrace::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using Outcome = TlsStream::Outcome;

constexpr std::size_t kReadSize = 64 * 1024;

/// Shared with the handlers of operations in progress, which outlive the TlsConnection.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<SSL_CTX> context, EventLoop& loop, TlsConnectionEvents events)
      : context_(std::move(context)),
        loop_(loop),
        events_(std::move(events)),
        resolver_(loop.context()),
        socket_(loop.context()) {}

  void connect(const std::string& address) {
    auto parsed = parse_host_and_port(address);
    if (!parsed.has_value()) {
      loop_.post([self = shared_from_this(), error = parsed.error()] { self->end(error); });
      return;
    }
    host_ = parsed.value().host;
    resolver_.async_resolve(host_, parsed.value().port,
                            [self = shared_from_this()](const error_code& error,
                                                        const tcp::resolver::results_type& found) {
                              if (self->is_over_) return;
                              if (error) return self->end(self->no_connection(error));
                              boost::asio::async_connect(
                                  self->socket_, found,
                                  [self](const error_code& failure, const tcp::endpoint&) {
                                    self->on_connected(failure);
                                  });
                            });
  }

  void send(Bytes bytes) {
    if (is_over_ || bytes.empty()) return;
    queue_.push_back(std::move(bytes));
    if (is_shaken_) flush();
  }

  void close_sending() {
    has_end_to_say_ = true;
    if (is_shaken_) flush();
  }

  void abandon() {
    is_over_ = true;
    queue_.clear();
    resolver_.cancel();
    error_code ignored;  // It is closed either way.
    socket_.close(ignored);
  }

 private:
  Error no_connection(const error_code& error) const {
    return {ErrorCode::kClosed, "no connection: " + error.message()};
  }

  void on_connected(const error_code& error) {
    if (is_over_) return;
    if (error) return end(no_connection(error));
    error_code failure;
    socket_.non_blocking(true, failure);
    if (failure) return end(no_connection(failure));
    if (Status status = set_machine_link_options(socket_.native_handle()); !status.has_value())
      return end(std::move(status));
    tls_.emplace(std::move(context_), socket_.native_handle(), host_);
    shake_hands();
  }

  void shake_hands() {
    const Outcome outcome = tls_->handshake();
    if (outcome == Outcome::kDone) {
      is_shaken_ = true;
      flush();
      if (!is_over_) wait_readable();
    } else if (!end_where_over(outcome)) {
      wait(outcome, [](Connection& self) { self.shake_hands(); });
    }
  }

  /// From send() too: an end is told later then.
  void flush() {
    if (is_waiting_to_write_ || is_over_) return;
    while (!queue_.empty()) {
      const auto written = tls_->write(queue_.front().span());
      if (written.outcome != Outcome::kDone) {
        // Of a lost connection the reader tells.
        if (written.outcome != Outcome::kFailed) wait_to_flush(written.outcome);
        return;
      }
      if (written.count == queue_.front().size())
        queue_.pop_front();
      else
        queue_.front() = queue_.front().slice(written.count);
    }
    if (has_end_to_say_) has_end_to_say_ = !tls_->say_end();
    if (has_end_to_say_) wait_to_flush(Outcome::kWantsWrite);
  }

  void wait_to_flush(Outcome outcome) {
    is_waiting_to_write_ = true;
    wait(outcome, [](Connection& self) {
      self.is_waiting_to_write_ = false;
      self.flush();
    });
  }

  void wait_readable() {
    if (!tls_->has_more()) return wait(Outcome::kWantsRead, [](Connection& self) { self.read(); });
    loop_.post([self = shared_from_this()] {
      if (!self->is_over_) self->read();
    });
  }

  void read() {
    const auto read = tls_->read(buffer_);
    if (read.outcome == Outcome::kDone) {
      events_.on_received(std::span(buffer_).first(read.count));
    } else if (end_where_over(read.outcome)) {
      return;
    } else if (read.outcome == Outcome::kWantsWrite) {
      return wait(read.outcome, [](Connection& self) { self.read(); });
    }
    if (!is_over_) wait_readable();
  }

  bool end_where_over(Outcome outcome) {
    if (outcome == Outcome::kClosed) end(ok());
    if (outcome == Outcome::kFailed) end(Error{ErrorCode::kClosed, tls_->failure().message});
    return is_over_;
  }

  void wait(Outcome outcome, void (*then)(Connection&)) {
    socket_.async_wait(
        outcome == Outcome::kWantsWrite ? tcp::socket::wait_write : tcp::socket::wait_read,
        [self = shared_from_this(), then](const error_code&) {
          // An error shows again in what is done then.
          if (!self->is_over_) then(*self);
        });
  }

  void end(Status how) {
    if (is_over_) return;
    const auto tell = std::exchange(events_.on_ended, nullptr);
    abandon();
    if (tell) tell(std::move(how));
  }

  std::shared_ptr<SSL_CTX> context_;
  EventLoop& loop_;
  TlsConnectionEvents events_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  std::string host_;
  std::optional<TlsStream> tls_;  // Its descriptor is the socket's.
  std::array<std::uint8_t, kReadSize> buffer_;
  std::deque<Bytes> queue_;
  bool is_shaken_ = false;
  bool is_waiting_to_write_ = false;
  bool has_end_to_say_ = false;
  bool is_over_ = false;
};

class CalledPeer final : public TlsConnection {
 public:
  explicit CalledPeer(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  ~CalledPeer() override { connection_->abandon(); }

  void send(Bytes bytes) override { connection_->send(std::move(bytes)); }
  void close_sending() override { connection_->close_sending(); }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<TlsConnection> connect_tls(TlsContext& tls, const std::string& address,
                                           EventLoop& loop, TlsConnectionEvents events) {
  auto connection = std::make_shared<Connection>(tls.current(), loop, std::move(events));
  connection->connect(address);
  return std::make_unique<CalledPeer>(std::move(connection));
}

}  // namespace millrace::net
