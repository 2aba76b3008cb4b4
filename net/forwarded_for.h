#pragma once
// Whom proxies say that a request is for, where they are trusted. Private to net/. Pure, any
// thread.
#include <string>

#include "net/http_server.h"
#include "net/ip_network.h"

namespace millrace::net {

/// Of one request's X-Forwarded-For; what is in front of them is not looked at, and not believed.
inline constexpr std::size_t kMaxForwardedHops = 32;

/// By a request's X-Forwarded-For, which came from a trusted proxy: the last address that is not
/// one of `trusted`. Each proxy has written whom it heard at the list's end, so what is in front of
/// an address that is not trusted may be anybody's invention. Where there is none (all are trusted,
/// what is in front of a trusted one is no address, the limit) the last one that was reached, and
/// nothing where not even the last entry is an address.
///
/// "192.0.2.7", "[2001:db8::1]"; with its port where the proxy told it: "192.0.2.7:51423". Several
/// fields are one list (RFC 9110 5.3), empty entries are none (5.6.1).
std::string forwarded_for(const HttpRequest& request, const IpNetworks& trusted);

}  // namespace millrace::net
