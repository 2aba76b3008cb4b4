#pragma once
// The header block of an HTTP/1.1 answer. Private to net/. Any thread.
#include <chrono>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace millrace::net {

enum class HttpPersistence {
  kKeep,       ///< HTTP/1.1's default: nothing is said.
  kKeepAsked,  ///< HTTP/1.0 with keep-alive: it is said that we agree.
  kCloseAfterwards,
};

/// Whether a status has no body by definition (RFC 9110 6.4.1).
bool is_bodiless(int status);

/// Status line to empty line. `date` is as http_date() has it. Headers that are the server's
/// (framing, Date, Connection) are left out of the handler's; line breaks in values become blanks.
std::string format_http_head(const HttpResponse& response, HttpPersistence persistence,
                             std::string_view date);

/// "Tue, 15 Nov 1994 08:12:31 GMT" (RFC 9110 5.6.7).
std::string http_date(std::chrono::seconds since_epoch);

}  // namespace millrace::net
