#include "net/http_refusal.h"

#include <fmt/format.h>

namespace millrace::net {

HttpResponse refusal_response(int status) {
  return {.status = status,
          .kind = "error",
          .headers = {{"Content-Type", "text/plain"},
                      {"Cache-Control", "no-store"},
                      {"Access-Control-Allow-Origin", "*"}},
          .body = {Bytes::copy_of(fmt::format("{}\n", status))}};
}

ErrorCode refusal_error(int status) {
  return status == 408                    ? ErrorCode::kTimedOut
         : status == 413 || status == 431 ? ErrorCode::kLimitExceeded
         : status == 501 || status == 505 ? ErrorCode::kUnsupported
                                          : ErrorCode::kInvalidData;
}

}  // namespace millrace::net
