#pragma once
// The header block of an HTTP/1.1 answer, and what other versions' have in common with it. Private
// to net/. Any thread.
#include <chrono>
#include <cstddef>
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

/// Whether a header is the server's to set, of whatever case: framing, Date, what is about a
/// connection.
bool is_servers_own(std::string_view name);

/// Appends a name or value of a handler's, which may echo what a peer sent: a line break, with
/// which the peer would write headers of its own, becomes a blank.
void append_clean(std::string& head, std::string_view text);

/// Of the body, in bytes.
std::size_t content_length(const HttpResponse& response);

/// Status line to empty line. `date` is as http_date() has it. Headers that are the server's
/// (framing, Date, Connection) are left out of the handler's; line breaks in values become blanks.
std::string format_http_head(const HttpResponse& response, HttpPersistence persistence,
                             std::string_view date);

/// "Tue, 15 Nov 1994 08:12:31 GMT" (RFC 9110 5.6.7).
std::string http_date(std::chrono::seconds since_epoch);

}  // namespace millrace::net
