#pragma once
// Playlists as text and as gzip, each made at most once, by the first request that needs it. Of
// pieces, where a part of a long playlist stays the same from version to version. Any thread; a
// second one that needs the same at that moment waits for the first.
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/metrics.h"
#include "hls/gzip.h"

namespace millrace::hls {

/// Immutable. Shared by all texts that it is a part of.
class PlaylistPiece {
 public:
  explicit PlaylistPiece(std::string_view text) : text_(Bytes::copy_of(text)) {}

  const Bytes& text() const { return text_; }
  const DeflatedPiece& deflated() const;
  bool is_deflated() const { return is_deflated_.load(std::memory_order_acquire); }

 private:
  const Bytes text_;
  mutable std::once_flag once_;
  mutable std::atomic<bool> is_deflated_ = false;
  mutable DeflatedPiece deflated_;
};

class PlaylistText {
 public:
  using Pieces = std::vector<std::shared_ptr<const PlaylistPiece>>;

  PlaylistText(std::string_view text, std::string etag, Counter compressed);
  /// Not empty.
  PlaylistText(Pieces pieces, std::string etag, Counter compressed);

  std::vector<Bytes> plain() const;
  const std::vector<Bytes>& compressed() const;
  /// Without quotes; another one than that of any other text at the same URL.
  const std::string& etag() const { return etag_; }

 private:
  const Pieces pieces_;
  const std::string etag_;
  mutable Counter compressions_;
  mutable std::once_flag once_;
  mutable std::vector<Bytes> gzip_;
};

}  // namespace millrace::hls
