#pragma once
// Playlists as gzip (RFC 1952), and who wants them so. Pure; any thread.
#include <string_view>

#include "base/bytes.h"

namespace millrace::hls {

Bytes gzip(std::string_view text);

/// Of an Accept-Encoding header (RFC 9110 12.5.3): gzip is named, and not with q=0.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace millrace::hls
