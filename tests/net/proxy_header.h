#pragma once
// Headers of the PROXY protocol, version 2, for tests.
#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::test {

inline constexpr std::string_view kProxySignature("\r\n\r\n\0\r\nQUIT\n", 12);

/// `command`: 0x20 LOCAL, 0x21 PROXY. `family`: 0x11 TCP over IPv4, 0x21 over IPv6, ….
inline std::string proxy_header(int command, int family, std::string_view rest) {
  std::string header(kProxySignature);
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size() & 0xff);
  return header.append(rest);
}

/// From an address and port of either family to port 443 of the same address; `behind`: TLVs.
inline std::string proxied_from(const std::string& address, std::uint16_t port,
                                std::string_view behind = {}) {
  const bool is_v6 = address.find(':') != std::string::npos;
  std::array<char, 16> bytes{};
  ::inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data());
  const std::string one(bytes.data(), is_v6 ? 16 : 4);
  std::string addresses = one + one;
  addresses += static_cast<char>(port >> 8);
  addresses += static_cast<char>(port & 0xff);
  addresses += std::string_view("\x01\xbb", 2);
  return proxy_header(0x21, is_v6 ? 0x21 : 0x11, addresses.append(behind));
}

}  // namespace millrace::test
