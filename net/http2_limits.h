#pragma once
// What an HTTP/2 connection may cost, by the requests that it may have under way. Private to net/.
// Pure; any thread.
#include <cstddef>

#include "net/http_server.h"

namespace millrace::net {

struct Http2Limits {
  /// Of all its requests' headers, as SETTINGS_MAX_HEADER_LIST_SIZE counts them (RFC 9113 6.5.2).
  std::size_t header_bytes = 0;
  /// Requests that are taken back (CVE-2023-44487) or that we have to cut.
  double cuts_at_once = 0;
  double cuts_per_second = 0;
};

/// In proportion to `max_streams`, which is raised for the connections of CDNs; the headers and the
/// cuts a second of a smaller one are those of the default.
Http2Limits http2_limits(const HttpServerOptions& options);

}  // namespace millrace::net
