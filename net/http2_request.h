#pragma once
// The header fields of one HTTP/2 request, one after the other, to an HttpRequest. Private to net/.
//
// Thread: the caller's. Keeps none of the text it was shown.
#include <cstddef>
#include <string_view>

#include "net/http_server.h"

namespace millrace::net {

class Http2RequestReader {
 public:
  /// `max_bytes` as SETTINGS_MAX_HEADER_LIST_SIZE counts them (RFC 9113 6.5.2).
  explicit Http2RequestReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// The next field, checked by nghttp2 (RFC 9113 8.2, 8.3). Past a limit it is dropped.
  void add(std::string_view name, std::string_view value);
  /// At the header's end: the status to refuse the request with (400, 431), or 0.
  int finish();

  /// Of all fields, those dropped too.
  std::size_t bytes() const { return bytes_; }
  /// Without its remote address. Once, after finish().
  HttpRequest take() { return std::move(request_); }
  const HttpRequest& request() const { return request_; }

 private:
  void add_cookie(std::string_view value);

  const std::size_t max_bytes_;
  HttpRequest request_;
  std::string target_;
  std::string authority_;
  std::size_t bytes_ = 0;
  bool is_too_large_ = false;
};

}  // namespace millrace::net
