#include "hls/dvr/dvr_playlist.h"

#include <algorithm>
#include <utility>

namespace millrace::hls {
namespace {

std::vector<playlist::Segment> segments_of(const std::vector<std::shared_ptr<const DvrSlot>>& slots,
                                           std::size_t rendition) {
  std::vector<playlist::Segment> segments;
  segments.reserve(slots.size());
  for (const auto& slot : slots) segments.push_back(slot->segment(rendition));
  return segments;
}

}  // namespace

DvrSegments::DvrSegments(const DvrListing& listing)
    : listing_(listing),
      front_(segments_of(listing.front, listing.rendition)),
      loose_(segments_of(listing.loose, listing.rendition)) {}

void DvrSegments::list_in(playlist::MediaPlaylist& media) const {
  for (const auto& segment : loose_) media.segments.push_back(&segment);
  if (listing_.blocks.empty()) return;
  media.earlier.count = listing_.count - loose_.size();
  // Where all blocks are gaps, what is behind them says its init segment itself.
  const auto first = std::ranges::find_if(listing_.blocks, &DvrBlock::has_maps);
  if (first != listing_.blocks.end()) {
    media.earlier.map_before = (*first)->unsaid_map();
    media.earlier.map_behind = listing_.blocks.back()->map_behind();
  }
  for (const auto& segment : front_) media.earlier.front.push_back(&segment);
}

PlaylistText::Pieces DvrSegments::render(const playlist::MediaPlaylist& media) const {
  if (listing_.blocks.empty())
    return {std::make_shared<const PlaylistPiece>(playlist::render(media))};
  PlaylistText::Pieces pieces;
  pieces.reserve(listing_.blocks.size() + 2);
  pieces.push_back(std::make_shared<const PlaylistPiece>(playlist::render_head(media)));
  for (const auto& block : listing_.blocks) pieces.push_back(block->piece());
  pieces.push_back(std::make_shared<const PlaylistPiece>(playlist::render_tail(media)));
  return pieces;
}

ShowPlaylist::ShowPlaylist(DvrListing show, std::string etag, const PlaylistCounters& counters)
    : show_(std::move(show)), etag_(std::move(etag)), counters_(counters) {}

std::shared_ptr<const PlaylistText> ShowPlaylist::text() const {
  std::call_once(once_, [this] {
    const DvrSegments segments(show_);
    playlist::MediaPlaylist media{.start_id = {},
                                  .target_seconds = show_.least_target_seconds,
                                  .has_independent_segments = show_.has_independent_segments,
                                  .segments = {},
                                  .has_ended = true,
                                  .reports = {},
                                  .is_vod = true};
    segments.list_in(media);
    media.media_sequence = show_.first;
    Counter counter = counters_.full;
    counter.increment();
    text_ =
        std::make_shared<const PlaylistText>(segments.render(media), etag_, counters_.compressed);
  });
  return text_;
}

}  // namespace millrace::hls
