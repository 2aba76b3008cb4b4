#include "hls/playlist_text.h"

#include <utility>

namespace millrace::hls {

const DeflatedPiece& PlaylistPiece::deflated() const {
  std::call_once(once_, [this] {
    deflated_ = deflate_piece(text_.text());
    is_deflated_.store(true, std::memory_order_release);
  });
  return deflated_;
}

PlaylistText::PlaylistText(std::string_view text, std::string etag, Counter compressed)
    : PlaylistText(Pieces{std::make_shared<const PlaylistPiece>(text)}, std::move(etag),
                   compressed) {}

PlaylistText::PlaylistText(Pieces pieces, std::string etag, Counter compressed)
    : pieces_(std::move(pieces)), etag_(std::move(etag)), compressions_(compressed) {}

std::vector<Bytes> PlaylistText::plain() const {
  std::vector<Bytes> body;
  body.reserve(pieces_.size());
  for (const auto& piece : pieces_) body.push_back(piece->text());
  return body;
}

const std::vector<Bytes>& PlaylistText::compressed() const {
  std::call_once(once_, [this] {
    compressions_.increment();
    if (pieces_.size() == 1) {
      gzip_ = {gzip(pieces_.front()->text().text())};
      return;
    }
    std::vector<const DeflatedPiece*> deflated;
    deflated.reserve(pieces_.size());
    for (const auto& piece : pieces_) deflated.push_back(&piece->deflated());
    gzip_ = gzip_of(deflated);
  });
  return gzip_;
}

}  // namespace millrace::hls
