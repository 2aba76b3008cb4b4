#pragma once
// What a request of any HTTP version asks for. Private to net/. Pure, any thread.
#include <string_view>

#include "net/http_server.h"

namespace millrace::net {

/// By its name, which is case-sensitive (RFC 9110 9.1); kOther where we have no use for it.
HttpMethod http_method_of(std::string_view name);

}  // namespace millrace::net
