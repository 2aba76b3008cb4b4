#pragma once
// How the sockets between two machines of ours are set. Any thread.
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::net {

/// Small writes leave at once, and a peer that does not answer for five seconds has gone: with
/// something under way (TCP_USER_TIMEOUT) or without (keep-alive).
Status set_machine_link_options(int descriptor);

/// "192.0.2.7:7400", "[2001:db8::7]:7400", "encoder.example:7400".
struct HostAndPort {
  std::string host;
  std::string port;
};
Result<HostAndPort> parse_host_and_port(std::string_view text);

}  // namespace millrace::net
