#include "net/http2_output.h"

namespace millrace::net {

void Http2Output::add_framing(std::string_view bytes) {
  framing_ += bytes;
  size_ += bytes.size();
}

void Http2Output::add_body(Bytes bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  bodies_.emplace_back(framing_.size(), std::move(bytes));
}

std::vector<Bytes> Http2Output::take() {
  const Bytes framing = Bytes::copy_of(framing_);
  std::vector<Bytes> pieces;
  pieces.reserve(2 * bodies_.size() + 1);
  std::size_t at = 0;
  for (auto& [end, body] : bodies_) {
    if (end > at) pieces.push_back(framing.slice(at, end - at));
    pieces.push_back(std::move(body));
    at = end;
  }
  if (framing.size() > at) pieces.push_back(framing.slice(at));
  framing_.clear();
  bodies_.clear();
  size_ = 0;
  return pieces;
}

}  // namespace millrace::net
