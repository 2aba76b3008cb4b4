#pragma once
// A blocking RTMP publisher on a socket, for tests and the e2e sender. Every wait has a deadline.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/rtmp/amf0.h"
#include "net/rtmp/chunk_reader.h"
#include "tests/support/rtmp_client.h"

namespace millrace::test {

class RtmpSender {
 public:
  /// To 127.0.0.1, or ::1 for `AF_INET6`. is_connected() tells whether it worked.
  explicit RtmpSender(std::uint16_t port, int family = AF_INET)
      : socket_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    const auto* address = family == AF_INET ? reinterpret_cast<const sockaddr*>(&v4)
                                            : reinterpret_cast<const sockaddr*>(&v6);
    const auto size = static_cast<socklen_t>(family == AF_INET ? sizeof v4 : sizeof v6);
    is_connected_ = socket_ >= 0 && ::connect(socket_, address, size) == 0;
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~RtmpSender() { close(); }
  RtmpSender(const RtmpSender&) = delete;
  RtmpSender& operator=(const RtmpSender&) = delete;

  bool is_connected() const { return is_connected_; }
  RtmpClient& client() { return client_; }

  /// Sends what client() has put together; false when the server has gone.
  bool flush() {
    std::span<const std::uint8_t> rest(client_.bytes);
    while (!rest.empty()) {
      const auto count = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      rest = rest.subspan(static_cast<std::size_t>(count));
    }
    client_.bytes.clear();
    return true;
  }

  /// The code of the next onStatus; empty when the connection ends or nothing comes in time.
  std::string wait_status(int timeout_ms = 5000) {
    while (const auto message = next_message(timeout_ms)) {
      if (message->type != net::rtmp::MessageType::kCommandAmf0) continue;
      net::rtmp::Amf0Reader reader(message->payload.span());
      std::vector<net::rtmp::AmfValue> values;
      while (!reader.at_end()) {
        auto value = reader.read();
        if (!value.has_value()) return {};
        values.push_back(std::move(value).value());
      }
      if (values.size() < 4 || values[0] != net::rtmp::AmfValue("onStatus")) continue;
      if (const auto* text = values[3].find("description"); text != nullptr && text->string())
        description_ = *text->string();
      if (const auto* code = values[3].find("code"); code != nullptr && code->string())
        return *code->string();
    }
    return {};
  }
  /// Of the last status.
  const std::string& description() const { return description_; }

  /// The whole way to a publish; the status that the server gave.
  std::string publish(const std::string& application, const std::string& key) {
    client_.handshake();
    client_.connect(application);
    client_.publish(key);
    if (!flush()) return {};
    const auto status = wait_status();
    client_.set_chunk_size(4096);
    return status;
  }

  /// Whether the server closes within the time; what it still says is dropped.
  bool wait_closed(int timeout_ms = 5000) {
    while (receive(timeout_ms)) {
    }
    return is_at_end_;
  }
  bool is_at_end() const { return is_at_end_; }

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  std::optional<net::rtmp::Message> next_message(int timeout_ms) {
    constexpr std::size_t kHandshakeSize = 1 + 2 * 1536;  // S0, S1, S2
    for (;;) {
      if (!is_handshaken_ && received_.size() >= kHandshakeSize) {
        received_.erase(received_.begin(), received_.begin() + kHandshakeSize);
        is_handshaken_ = true;
      }
      if (is_handshaken_) {
        std::span<const std::uint8_t> rest(received_);
        auto message = reader_.next(rest);
        received_.erase(received_.begin(),
                        received_.end() - static_cast<std::ptrdiff_t>(rest.size()));
        if (!message.has_value()) return std::nullopt;
        if (message.value()) return std::move(message).value();
      }
      if (!receive(timeout_ms)) return std::nullopt;
    }
  }

  bool receive(int timeout_ms) {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, timeout_ms) != 1) return false;
    std::uint8_t buffer[4096];
    const auto count = ::recv(socket_, buffer, sizeof buffer, 0);
    if (count <= 0) {
      is_at_end_ = true;
      return false;
    }
    received_.insert(received_.end(), buffer, buffer + count);
    return true;
  }

  int socket_;
  bool is_connected_ = false;
  bool is_handshaken_ = false;
  bool is_at_end_ = false;
  RtmpClient client_;
  std::vector<std::uint8_t> received_;
  net::rtmp::ChunkReader reader_{{}};
  std::string description_;
};

}  // namespace millrace::test
