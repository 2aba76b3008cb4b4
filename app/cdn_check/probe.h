#pragma once
// Asks a cache, and the origin behind it, what the check has to see of a live channel.
//
// Thread: the caller's, which waits for the answers; for some five segments.
#include <string>

#include "app/cdn_check/evidence.h"
#include "base/result.h"
#include "net/http_client.h"

namespace millrace::app::cdn_check {

struct Target {
  std::string url;      ///< A playlist, multivariant or not, as players get it.
  std::string origin;   ///< The same playlist at the origin; empty: it is not compared.
  std::string ca_file;  ///< PEM of the authorities; empty: the system's.
};

/// An error where there is nothing to check: no answer, no low-latency playlist, a show that has
/// ended. Of a multivariant playlist the first variant is looked at.
Result<Evidence> observe(net::HttpClient& client, const Target& target);

}  // namespace millrace::app::cdn_check
