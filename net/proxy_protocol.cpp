#include "net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdint>

#include "net/ip_network.h"

namespace millrace::net {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using Endpoint = ProxyHeaderParser::Endpoint;

// 2.1: "a string identifying the protocol", "exactly one space".
constexpr std::string_view kWord = "PROXY ";
// 2.1: "If the CRLF sequence is not found in the first 107 characters, the receiver should declare
// the line invalid."
constexpr std::size_t kMaxLineBytes = 107;
// 2.2: "a constant 12 bytes block containing the protocol signature".
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
// Signature, version and command, family and protocol, length.
constexpr std::size_t kFixedBytes = 16;

constexpr unsigned kVersion = 2, kLocal = 0, kProxy = 1;
constexpr unsigned kTcp4 = 0x11, kTcp6 = 0x21;
constexpr unsigned kMostFamily = 3, kMostProtocol = 2;  // Unix; datagrams.

bool begin_alike(std::string_view bytes, std::string_view expected) {
  const auto size = std::min(bytes.size(), expected.size());
  return bytes.substr(0, size) == expected.substr(0, size);
}

// 2.1: "a decimal integer in the range [0..65535] inclusive. Heading zeroes are not permitted".
std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return {};
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, port);
  if (read.ec != std::errc{} || read.ptr != end) return {};
  return port;
}

// "TCP4 192.0.2.7 198.51.100.1 56324 443": the source, if all of it is right.
std::optional<Endpoint> parse_line(std::string_view line) {
  std::array<std::string_view, 5> words;
  for (auto& word : words) {
    const auto space = line.find(' ');
    const bool is_last = &word == &words.back();
    if ((space == std::string_view::npos) != is_last) return {};
    word = line.substr(0, space);
    if (!is_last) line.remove_prefix(space + 1);
  }
  const auto& [family, from, to, from_port, to_port] = words;
  if (family != "TCP4" && family != "TCP6") return {};
  for (const auto text : {from, to}) {
    const bool is_v6 = text.find(':') != std::string_view::npos;
    if (is_v6 != (family == "TCP6") || !parse_ip_address(text)) return {};
  }
  const auto port = parse_port(from_port);
  if (!port || !parse_port(to_port)) return {};
  return Endpoint(*parse_ip_address(from), *port);
}

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

unsigned number_at(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

// The source address of two, and of two ports behind them.
template <typename Address>
Endpoint source_of(std::string_view addresses) {
  typename Address::bytes_type bytes{};
  std::copy_n(addresses.begin(), bytes.size(), bytes.begin());
  const auto port = static_cast<std::uint16_t>(number_at(addresses, 2 * bytes.size()));
  const Address source(bytes);
  if constexpr (std::is_same_v<Address, address_v6>)
    if (source.is_v4_mapped())
      return {boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, source), port};
  return {source, port};
}

template <typename Address>
constexpr std::size_t kAddressBytes = 2 * sizeof(typename Address::bytes_type) + 4;

}  // namespace

std::string_view to_string(ProxyRefusal refusal) {
  switch (refusal) {
    case ProxyRefusal::kUntrusted:
      return "untrusted";
    case ProxyRefusal::kMissing:
      return "missing";
    case ProxyRefusal::kMalformed:
      return "malformed";
    case ProxyRefusal::kTooLong:
      return "too_long";
    case ProxyRefusal::kTimedOut:
      return "timed_out";
    case ProxyRefusal::kCut:
      return "cut";
  }
  return "unknown";
}

ProxyHeaderParser::Progress ProxyHeaderParser::parse(std::string_view bytes) {
  const auto before = header_.size();
  header_.append(bytes.substr(0, kMaxProxyHeaderBytes - before));
  const auto outcome = begin_alike(header_, kSignature) ? parse_binary()
                       : begin_alike(header_, kWord)    ? parse_text()
                                                     : Outcome{.refusal = ProxyRefusal::kMissing};
  const bool is_complete = outcome.size > 0;
  if (is_complete) header_.resize(outcome.size);
  return {header_.size() - before, is_complete, outcome.refusal};
}

ProxyHeaderParser::Outcome ProxyHeaderParser::parse_text() {
  const std::string_view text = std::string_view(header_).substr(0, kMaxLineBytes);
  const auto end = text.find_first_of("\r\n");
  if (end == std::string_view::npos || end + 1 == text.size()) {
    if (text.size() == kMaxLineBytes) return {.refusal = ProxyRefusal::kTooLong};
    if (end == std::string_view::npos || text[end] == '\r') return {};
  }
  // "The receiver must not tolerate a single CR or LF character to end the line".
  if (text.substr(end, 2) != "\r\n") return {.refusal = ProxyRefusal::kMalformed};
  const auto line = text.substr(kWord.size(), end - kWord.size());
  // "For "UNKNOWN" […] the receiver must ignore anything presented before the CRLF".
  if (line != "UNKNOWN" && !line.starts_with("UNKNOWN ")) {
    client_ = parse_line(line);
    if (!client_) return {.refusal = ProxyRefusal::kMalformed};
  }
  return {.size = end + 2, .refusal = {}};
}

ProxyHeaderParser::Outcome ProxyHeaderParser::parse_binary() {
  const std::string_view bytes = header_;
  if (bytes.size() <= kSignature.size()) return {};
  const unsigned command = byte_at(bytes, 12) & 0xf;
  if (byte_at(bytes, 12) >> 4 != kVersion || command > kProxy)
    return {.refusal = ProxyRefusal::kMalformed};
  if (bytes.size() < kFixedBytes) return {};
  const unsigned family = byte_at(bytes, 13);
  const std::size_t length = number_at(bytes, 14);
  // A LOCAL one's family "is ignored".
  if (command != kLocal) {
    const std::size_t least = family == kTcp4   ? kAddressBytes<address_v4>
                              : family == kTcp6 ? kAddressBytes<address_v6>
                                                : 0;
    if (family >> 4 > kMostFamily || (family & 0xf) > kMostProtocol || length < least)
      return {.refusal = ProxyRefusal::kMalformed};
  }
  if (length > kMaxProxyHeaderBytes - kFixedBytes) return {.refusal = ProxyRefusal::kTooLong};
  // "The receiver must not start to parse an address before the whole address block is received."
  if (bytes.size() < kFixedBytes + length) return {};
  // What is no TCP over IP "falls back to the UNSPEC mode": the connection's own addresses. What is
  // behind the addresses (TLVs) is skipped.
  const auto addresses = bytes.substr(kFixedBytes, length);
  if (command == kProxy && family == kTcp4) client_ = source_of<address_v4>(addresses);
  if (command == kProxy && family == kTcp6) client_ = source_of<address_v6>(addresses);
  return {.size = kFixedBytes + length, .refusal = {}};
}

}  // namespace millrace::net
