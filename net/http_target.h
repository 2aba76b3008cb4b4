#pragma once
// What a request is for. Private to net/. Any thread.
#include <string_view>

#include "net/http_server.h"

namespace millrace::net {

/// Sets path and query from a request target in origin-form, absolute-form ("a server MUST accept
/// the absolute-form", RFC 9112 3.2.2), or "*" of OPTIONS. False for what is none of these.
bool split_target(std::string_view target, HttpRequest& request);

}  // namespace millrace::net
