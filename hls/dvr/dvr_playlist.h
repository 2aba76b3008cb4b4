#pragma once
// What DvrPast lists, as text: the begin of a playlist with ?dvr, or a finished show's own. Any
// thread. The first who renders a listing renders its blocks, which takes long where there are many
// (DvrListing::is_made()).
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hls/dvr/dvr_past.h"
#include "hls/playlist/media_playlist.h"
#include "hls/playlist_snapshot.h"
#include "hls/playlist_text.h"

namespace millrace::hls {

/// A listing's segments outside its blocks, for as long as a playlist that has them is used.
class DvrSegments {
 public:
  /// `listing` outlives it.
  explicit DvrSegments(const DvrListing& listing);
  DvrSegments(const DvrSegments&) = delete;
  DvrSegments& operator=(const DvrSegments&) = delete;

  /// Lists them and the blocks in a playlist that has no segments yet.
  void list_in(playlist::MediaPlaylist& media) const;
  /// The whole playlist, in which list_in() has listed them: its head, the blocks, and the rest.
  PlaylistText::Pieces render(const playlist::MediaPlaylist& media) const;

 private:
  const DvrListing& listing_;
  std::vector<playlist::Segment> front_;
  std::vector<playlist::Segment> loose_;
};

/// A finished show's media playlist, immutable (rfc8216bis 4.4.3.5, VOD): its URL names what it
/// lists. Rendered by the first who asks.
class ShowPlaylist {
 public:
  ShowPlaylist(DvrListing show, std::string etag, const PlaylistCounters& counters);

  std::shared_ptr<const PlaylistText> text() const;
  bool is_made(bool is_compressed) const { return show_.is_made(is_compressed); }
  std::uint64_t target_seconds() const { return show_.least_target_seconds; }

 private:
  const DvrListing show_;
  const std::string etag_;
  const PlaylistCounters counters_;
  mutable std::once_flag once_;
  mutable std::shared_ptr<const PlaylistText> text_;
};

}  // namespace millrace::hls
