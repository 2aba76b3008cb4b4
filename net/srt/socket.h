#pragma once
// What listening and calling sockets of libsrt have in common. Any thread.
#include <netinet/in.h>
#include <srt/srt.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/srt/receiver.h"

namespace millrace::net::srt {

inline constexpr int kReadable = static_cast<int>(SRT_EPOLL_IN) | static_cast<int>(SRT_EPOLL_ERR);

struct SocketAddress {
  sockaddr_storage storage{};
  int length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// "ADDRESS:PORT", an IPv6 address in brackets; nothing: it is none.
std::optional<SocketAddress> to_socket_address(const std::string& text);
std::string host_of(const sockaddr& address);
std::string to_text(const sockaddr& address);

/// The calling thread's last error in libsrt.
Error srt_error(std::string_view what);

template <typename Option>
bool set(SRTSOCKET socket, SRT_SOCKOPT name, const Option& value) {
  return srt_setsockflag(socket, name, &value, sizeof(value)) != SRT_ERROR;
}
bool set_text(SRTSOCKET socket, SRT_SOCKOPT name, const std::string& value);

/// Once for each srt_cleanup(): libsrt counts. Its log goes to ours.
void start_libsrt();

struct ReadResult {
  bool has_read = false;
  std::optional<Error> over;  ///< kClosed: the connection is; kLimitExceeded: too much.
};
/// Hands on what has come, up to a number that leaves the other connections their turn.
ReadResult read_messages(SRTSOCKET socket, Receiver& receiver, Receiver::TimePoint now);

}  // namespace millrace::net::srt
