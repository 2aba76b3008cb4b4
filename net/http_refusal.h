#pragma once
// The answer to a request that does not reach a handler, of any HTTP version. Private to net/. Any
// thread.
#include "net/http_server.h"

namespace millrace::net {

/// With `status` as its text; a page of another origin may read it.
HttpResponse refusal_response(int status);

/// As what a refusal with `status` is counted.
ErrorCode refusal_error(int status);

}  // namespace millrace::net
