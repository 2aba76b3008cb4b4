#pragma once
// The header with which a connection through a load balancer begins and tells who the client is:
// the PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt, of 2020/03/05).
// Private to net/.
//
// Thread: the caller's.
#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::net {

/// Of version 2, whose header says its own length; nginx takes as much. Version 1 has 107 at most.
inline constexpr std::size_t kMaxProxyHeaderBytes = 4096;

/// Why a connection that has to begin with such a header is closed:
/// `millrace_http_proxy_refused_total{reason=…}`.
enum class ProxyRefusal {
  kUntrusted,  ///< It comes from none of the trusted proxies.
  kMissing,    ///< It begins with something else.
  kMalformed,
  kTooLong,
  kTimedOut,  ///< The header was not complete in time,
  kCut,       ///< or when the connection ended.
};
inline constexpr std::size_t kProxyRefusals = 6;
std::string_view to_string(ProxyRefusal refusal);

/// The bytes of one connection, until its header is complete.
class ProxyHeaderParser {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  struct Progress {
    std::size_t used = 0;  ///< Bytes of the header; the rest is the client's.
    bool is_complete = false;
    std::optional<ProxyRefusal> refusal;  ///< Nothing more is to be parsed.
  };
  /// What came next, at least a byte; keeps what it needs of it.
  Progress parse(std::string_view bytes);

  bool has_begun() const { return !header_.empty(); }
  /// Who the header says the client is. Absent where it tells none that we could know: the
  /// connection is the proxy's own (LOCAL), or not one of TCP over IP (UNKNOWN, UNSPEC, …).
  const std::optional<Endpoint>& client() const { return client_; }

 private:
  struct Outcome {
    std::size_t size = 0;  ///< Of the whole header; 0: not complete.
    std::optional<ProxyRefusal> refusal;
  };
  Outcome parse_text();
  Outcome parse_binary();

  std::string header_;
  std::optional<Endpoint> client_;
};

}  // namespace millrace::net
