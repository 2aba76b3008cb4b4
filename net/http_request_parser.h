#pragma once
// The bytes of an HTTP/1 connection to one HttpRequest after the other. Private to net/.
//
// Thread: the caller's. Keeps none of the bytes it was shown.
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "net/http_server.h"

namespace millrace::net {

struct HttpRequestLimits {
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_body_bytes = 64 * 1024;
};

/// A request to be answered, and what HTTP/1 itself wants to know of it.
struct ParsedHttpRequest {
  HttpRequest request;  ///< Without its remote address.
  bool is_http_1_0 = false;
  bool keeps_alive = true;  ///< What the client asked for.
};

class HttpRequestParser {
 public:
  explicit HttpRequestParser(HttpRequestLimits limits);
  ~HttpRequestParser();
  HttpRequestParser(const HttpRequestParser&) = delete;
  HttpRequestParser& operator=(const HttpRequestParser&) = delete;

  struct Progress {
    std::size_t used = 0;  ///< Bytes; the rest is to be shown again, with more behind it.
    bool is_complete = false;
    int refusal = 0;  ///< The status to refuse it with (400, 413, 431, 501, 505), or 0.
  };
  /// Parses on. After a refusal or a complete request nothing more is parsed until take().
  Progress parse(std::string_view bytes);

  /// Whether a part of a request has been used: it has begun and is not complete.
  bool is_inside_request() const;
  /// Whether the client holds its body back until it is told "100 Continue" (RFC 9110 10.1.1).
  /// True at most once a request.
  bool take_expectation();
  /// The complete request. The next parse() begins another.
  ParsedHttpRequest take();

 private:
  class Message;
  HttpRequestLimits limits_;
  std::unique_ptr<Message> message_;  ///< Null between requests.
};

}  // namespace millrace::net
