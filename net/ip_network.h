#pragma once
// Addresses and networks of IPv4 and IPv6, by which who connects is told apart. Pure, any thread.
#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <array>
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::net {

/// "192.0.2.7", "2001:db8::1"; neither names, nor brackets, ports or zones. An IPv4 address that is
/// written as an IPv6 one (RFC 4291 2.5.5.2) is the IPv4 one.
std::optional<boost::asio::ip::address> parse_ip_address(std::string_view text);

/// A network, or one address.
class IpNetwork {
 public:
  /// "192.0.2.0/24", "2001:db8::/32", "192.0.2.7". The error says of the text
  /// what is wrong with it: "is neither …".
  static Result<IpNetwork> parse(std::string_view text);

  bool contains(const boost::asio::ip::address& address) const;

 private:
  IpNetwork(const boost::asio::ip::address& address, unsigned bits)
      : address_(address), bits_(bits) {}

  boost::asio::ip::address address_;
  unsigned bits_;  // Of the address, from its begin, that all addresses of the network have.
};

class IpNetworks {
 public:
  IpNetworks() = default;
  /// The error quotes the entry.
  static Result<IpNetworks> parse(const std::vector<std::string>& texts);

  bool contain(const boost::asio::ip::address& address) const;

 private:
  std::vector<IpNetwork> networks_;
};

}  // namespace millrace::net
