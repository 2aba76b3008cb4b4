#pragma once
// The header of an HTTP/2 answer, as nghttp2 takes it. Private to net/. One thread.
#include <nghttp2/nghttp2.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"

namespace millrace::net {

class Http2ResponseHead {
 public:
  /// Valid until the next call. As format_http_head(): fields that are the server's are left out of
  /// the handler's, line breaks in values become blanks, the length is that of `response.body`.
  std::span<const nghttp2_nv> format(const HttpResponse& response, std::string_view date);

 private:
  void add(std::string_view name, std::string_view value);

  // Kept from answer to answer, so that their memory is.
  std::string text_;
  std::vector<std::pair<std::size_t, std::size_t>> sizes_;  // Of name and value, in `text_`.
  std::vector<nghttp2_nv> fields_;
};

}  // namespace millrace::net
