#include "net/http2_stream.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/http2_session.h"

namespace millrace::net {

void Http2Stream::take_answer(HttpResponse response) {
  if (session != nullptr) session->answer(*this, std::move(response));
}

void Http2Stream::set_body(std::vector<Bytes> body) {
  body_ = std::move(body);
  for (const Bytes& piece : body_) left_ += piece.size();
}

void Http2Stream::send(std::size_t size, Http2Output& output) {
  CHECK(size <= left_);
  left_ -= size;
  while (size > 0) {
    Bytes& piece = body_[piece_];
    const auto count = std::min(size, piece.size() - offset_);
    output.add_body(piece.slice(offset_, count));
    size -= count;
    offset_ += count;
    if (offset_ < piece.size()) continue;
    piece = {};  // Sent: the window may let it go.
    ++piece_;
    offset_ = 0;
  }
}

}  // namespace millrace::net
