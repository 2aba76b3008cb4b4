#include "net/forwarded_for.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace millrace::net {
namespace {

struct Hop {
  boost::asio::ip::address address;
  std::optional<std::uint16_t> port;
};

std::string to_text(const Hop& hop) {
  auto text = hop.address.to_string();
  if (hop.address.is_v6()) text = "[" + text + "]";
  return hop.port ? fmt::format("{}:{}", text, *hop.port) : text;
}

// "192.0.2.7", "192.0.2.7:51423", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:51423".
std::optional<Hop> parse_hop(std::string_view text) {
  auto host = text;
  std::string_view behind;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return {};
    host = text.substr(1, close - 1);
    behind = text.substr(close + 1);
    if (host.find(':') == std::string_view::npos) return {};
  } else if (const auto colon = text.find(':'); colon == text.rfind(':')) {
    host = text.substr(0, colon);
    behind = text.substr(host.size());
  }
  const auto address = parse_ip_address(host);
  if (!address) return {};
  if (behind.empty()) return Hop{*address, {}};
  if (behind.front() != ':') return {};
  std::uint16_t port = 0;
  const char* const end = behind.data() + behind.size();
  const auto read = std::from_chars(behind.data() + 1, end, port);
  if (read.ec != std::errc{} || read.ptr != end) return {};
  return Hop{*address, port};
}

// The walk from the list's end to its begin, over all fields.
class Walk {
 public:
  explicit Walk(const IpNetworks& trusted) : trusted_(trusted) {}

  /// False when it is over.
  bool go_through(std::string_view field) {
    while (true) {
      const auto comma = field.rfind(',');
      const auto at = comma == std::string_view::npos ? 0 : comma + 1;
      if (!step(trimmed(field.substr(at)))) return false;
      if (at == 0) return true;
      field = field.substr(0, comma);
    }
  }
  const std::optional<Hop>& reached() const { return reached_; }

 private:
  bool step(std::string_view entry) {
    if (++entries_ > kMaxForwardedHops) return false;
    if (entry.empty()) return true;
    const auto hop = parse_hop(entry);
    if (!hop) return false;
    reached_ = hop;
    return trusted_.contain(hop->address);
  }

  const IpNetworks& trusted_;
  std::size_t entries_ = 0;
  std::optional<Hop> reached_;
};

}  // namespace

std::string forwarded_for(const HttpRequest& request, const IpNetworks& trusted) {
  Walk walk(trusted);
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header)
    if (header->first == "x-forwarded-for" && !walk.go_through(header->second)) break;
  return walk.reached() ? to_text(*walk.reached()) : std::string();
}

}  // namespace millrace::net
