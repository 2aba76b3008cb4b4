#include "net/http2_response_head.h"

#include <fmt/format.h>

#include "base/text.h"
#include "net/http_response_head.h"

namespace millrace::net {
namespace {

char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

void Http2ResponseHead::add(std::string_view name, std::string_view value) {
  // RFC 9113 8.2.1: names in lower case, no line breaks, no blanks around a value.
  value = trimmed(value);
  for (const char c : name) text_ += lower_case(c);
  append_clean(text_, value);
  sizes_.emplace_back(name.size(), value.size());
}

std::span<const nghttp2_nv> Http2ResponseHead::format(const HttpResponse& response,
                                                      std::string_view date) {
  text_.clear();
  sizes_.clear();
  fields_.clear();
  add(":status", fmt::format_int(response.status).str());
  add("date", date);
  for (const auto& [name, value] : response.headers)
    if (!is_servers_own(name)) add(name, value);
  if (!is_bodiless(response.status))
    add("content-length", fmt::format_int(content_length(response)).str());
  auto* at = reinterpret_cast<std::uint8_t*>(text_.data());
  for (const auto& [name_size, value_size] : sizes_) {
    fields_.push_back({at, at + name_size, name_size, value_size, NGHTTP2_NV_FLAG_NONE});
    at += name_size + value_size;
  }
  return fields_;
}

}  // namespace millrace::net
