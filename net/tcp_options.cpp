#include "net/tcp_options.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace millrace::net {
namespace {

struct Option {
  int level;
  int name;
  int value;
};

constexpr Option kOptions[] = {
    {IPPROTO_TCP, TCP_NODELAY, 1},          {SOL_SOCKET, SO_KEEPALIVE, 1},
    {IPPROTO_TCP, TCP_KEEPIDLE, 2},          // Seconds without a word,
    {IPPROTO_TCP, TCP_KEEPINTVL, 1},         // then one probe a second,
    {IPPROTO_TCP, TCP_KEEPCNT, 3},           // of which none is answered.
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 5'000},  // Milliseconds.
};

}  // namespace

Status set_machine_link_options(int descriptor) {
  for (const Option& option : kOptions)
    if (::setsockopt(descriptor, option.level, option.name, &option.value, sizeof(option.value)) !=
        0)
      return Error{ErrorCode::kSystem, fmt::format("socket option: {}", std::strerror(errno))};
  return ok();
}

Result<HostAndPort> parse_host_and_port(std::string_view text) {
  const Error wrong{ErrorCode::kInvalidData, "not HOST:PORT"};
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size()) return wrong;
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const bool is_plain = std::all_of(host.begin(), host.end(), [is_bracketed](char c) {
    return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != '/' && (c != ':' || is_bracketed);
  });
  if (host.empty() || !is_plain) return wrong;
  return HostAndPort{std::string(host), std::string(port)};
}

}  // namespace millrace::net
