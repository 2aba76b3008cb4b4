#include "net/srt/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>

#include "base/log.h"

namespace millrace::net::srt {
namespace {

// The largest message of SRT's live mode has 1456 bytes.
constexpr std::size_t kMaxMessageBytes = 1'500;
// Between two looks at the other connections.
constexpr int kMessagesAtOnce = 256;

/// libsrt writes to stderr unless told otherwise.
void log_libsrt(void* /*opaque*/, int /*level*/, const char* /*file*/, int /*line*/,
                const char* /*area*/, const char* message) {
  std::string_view text(message);
  while (text.ends_with('\n')) text.remove_suffix(1);
  log::debug("srt", "libsrt {}", text);
}

}  // namespace

std::optional<SocketAddress> to_socket_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::uint16_t port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  std::string host = text.substr(0, colon);
  SocketAddress address;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(*v6);
    if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
    return address;
  }
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  address.length = sizeof(*v4);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) return std::nullopt;
  return address;
}

std::string host_of(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]";
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return text.data();
}

std::string to_text(const sockaddr& address) {
  const auto port = address.sa_family == AF_INET6
                        ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                        : reinterpret_cast<const sockaddr_in&>(address).sin_port;
  return fmt::format("{}:{}", host_of(address), ntohs(port));
}

Error srt_error(std::string_view what) {
  return {ErrorCode::kSystem, fmt::format("srt: {}: {}", what, srt_getlasterror_str())};
}

bool set_text(SRTSOCKET socket, SRT_SOCKOPT name, const std::string& value) {
  return srt_setsockflag(socket, name, value.data(), static_cast<int>(value.size())) != SRT_ERROR;
}

void start_libsrt() {
  srt_startup();
  srt_setloghandler(nullptr, log_libsrt);
}

ReadResult read_messages(SRTSOCKET socket, Receiver& receiver, Receiver::TimePoint now) {
  std::array<std::uint8_t, kMaxMessageBytes> message;
  ReadResult result;
  for (int i = 0; i < kMessagesAtOnce; ++i) {
    const int size = srt_recvmsg(socket, reinterpret_cast<char*>(message.data()),
                                 static_cast<int>(message.size()));
    if (size == SRT_ERROR) {
      if (srt_getlasterror(nullptr) != SRT_EASYNCRCV)
        result.over = Error{ErrorCode::kClosed, srt_getlasterror_str()};
      break;
    }
    result.has_read = true;
    if (!receiver.receive(std::span(message).first(static_cast<std::size_t>(size)), now)) {
      result.over = Error{ErrorCode::kLimitExceeded, "the channel's loop does not keep up"};
      return result;
    }
  }
  receiver.flush();
  return result;
}

}  // namespace millrace::net::srt
