#include "net/ip_network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::net {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

Error mistake(std::string what) {
  return {ErrorCode::kInvalidData, std::move(what)};
}

// Whether the first `bits` of both are the same.
bool have_same_bits(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other,
                    unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(whole), other.begin()))
    return false;
  if (bits % 8 == 0) return true;
  return ((one[whole] ^ other[whole]) >> (8 - bits % 8)) == 0;
}

template <typename Address>
address first_of(Address address_of_network, unsigned bits) {
  auto bytes = address_of_network.to_bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned before = static_cast<unsigned>(i) * 8;
    const unsigned kept = bits <= before ? 0 : std::min(bits - before, 8u);
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> kept));
  }
  return Address(bytes);
}

}  // namespace

std::optional<address> parse_ip_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  // inet_pton() ends at a zero byte and knows no zones.
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return {};
  std::memcpy(terminated.data(), text.data(), text.size());
  if (text.find(':') == std::string_view::npos) {
    address_v4::bytes_type bytes{};
    if (::inet_pton(AF_INET, terminated.data(), bytes.data()) != 1) return {};
    return address_v4(bytes);
  }
  address_v6::bytes_type bytes{};
  if (::inet_pton(AF_INET6, terminated.data(), bytes.data()) != 1) return {};
  const address_v6 parsed(bytes);
  if (parsed.is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed);
  return parsed;
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto host = text.substr(0, slash);
  const auto parsed = parse_ip_address(host);
  if (!parsed) return mistake("is neither an address nor a network of IPv4 or IPv6");
  if (parsed->is_v4() && host.find(':') != std::string_view::npos)
    return mistake("is an IPv4 address in IPv6: write it as an IPv4 one");
  const unsigned most = parsed->is_v4() ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + slash + 1, end, bits);
    if (read.ec != std::errc{} || read.ptr != end || bits > most)
      return mistake(fmt::format("has no prefix length of 0 to {} behind its /", most));
  }
  const auto first =
      parsed->is_v4() ? first_of(parsed->to_v4(), bits) : first_of(parsed->to_v6(), bits);
  // A mistyped length would let in other addresses than were meant.
  if (first != *parsed)
    return mistake(
        fmt::format("has more than its first {} bits: write {}/{}", bits, first.to_string(), bits));
  return IpNetwork(*parsed, bits);
}

bool IpNetwork::contains(const address& other) const {
  if (address_.is_v4() != other.is_v4()) return false;
  if (address_.is_v4())
    return have_same_bits(address_.to_v4().to_bytes(), other.to_v4().to_bytes(), bits_);
  return have_same_bits(address_.to_v6().to_bytes(), other.to_v6().to_bytes(), bits_);
}

Result<IpNetworks> IpNetworks::parse(const std::vector<std::string>& texts) {
  IpNetworks networks;
  for (const auto& text : texts) {
    const auto network = IpNetwork::parse(text);
    if (!network.has_value()) return mistake(fmt::format("{} {}", text, network.error().message));
    networks.networks_.push_back(network.value());
  }
  return networks;
}

bool IpNetworks::contain(const address& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace millrace::net
