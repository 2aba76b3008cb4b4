#pragma once
// Who wants an answer compressed. Pure; any thread.
#include <string_view>

namespace millrace::net {

/// Of an Accept-Encoding header (RFC 9110 12.5.3): gzip is named, and not with q=0.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace millrace::net
