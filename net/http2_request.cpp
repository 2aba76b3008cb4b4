#include "net/http2_request.h"

#include <algorithm>

#include "net/http_method.h"
#include "net/http_target.h"

namespace millrace::net {
namespace {

// As many as HTTP/1 has.
constexpr std::size_t kMaxFields = 100;
// RFC 9113 6.5.2: "the uncompressed length of the name and value in units of octets plus an
// overhead of 32 octets for each field".
constexpr std::size_t kFieldOverhead = 32;

}  // namespace

void Http2RequestReader::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  is_too_large_ |= bytes_ > max_bytes_ || request_.headers.size() >= kMaxFields;
  if (is_too_large_) return;
  if (name == ":method") {
    request_.method = http_method_of(value);
  } else if (name == ":path") {
    target_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  } else if (name == "cookie") {
    add_cookie(value);
  } else if (!name.starts_with(':')) {
    request_.headers.emplace_back(name, value);
  }
}

// RFC 9113 8.2.3: several of them "MUST be concatenated into a single octet string using the
// two-octet delimiter of 0x3b, 0x20" before they reach who does not know HTTP/2.
void Http2RequestReader::add_cookie(std::string_view value) {
  auto& headers = request_.headers;
  const auto known = std::find_if(headers.begin(), headers.end(),
                                  [](const auto& header) { return header.first == "cookie"; });
  if (known == headers.end())
    headers.emplace_back("cookie", value);
  else
    known->second.append("; ").append(value);
}

int Http2RequestReader::finish() {
  if (is_too_large_) return 431;
  // RFC 9113 8.3.1: an HTTP/1.1 request would have it as Host, which handlers look for.
  if (!authority_.empty() && request_.header("host").empty())
    request_.headers.emplace_back("host", authority_);
  return split_target(target_, request_) ? 0 : 400;
}

}  // namespace millrace::net
