#include "hls/ts/ts_playlist.h"

#include <fmt/format.h>

#include <utility>

#include "hls/playlist/ts_media_playlist.h"
#include "hls/ts/ts_source.h"

namespace millrace::hls {

TsPlaylist::TsPlaylist(PlaylistHeader header, const SegmentWindow& window, std::size_t count,
                       std::uint64_t version, const PlaylistCounters& counters)
    : header_(std::move(header)),
      has_independent_segments_(window.has_independent_segments()),
      version_(version),
      counters_(counters) {
  segments_.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    segments_.push_back({window.share_listed(i), !is_in_ts(window, window.listed(i))});
}

// A segment never changes, and what comes and goes does so at the ends.
bool TsPlaylist::is_same(const PlaylistHeader& header, const SegmentWindow& window,
                         std::size_t count) const {
  return count == segments_.size() && segments_.front().segment == window.share_listed(0) &&
         segments_.back().segment == window.share_listed(count - 1) &&
         header.target_seconds == header_.target_seconds &&
         header.discontinuity_sequence == header_.discontinuity_sequence &&
         header.has_ended == header_.has_ended &&
         window.has_independent_segments() == has_independent_segments_;
}

std::shared_ptr<const PlaylistText> TsPlaylist::text() const {
  std::call_once(once_, [this] {
    playlist::TsMediaPlaylist media{.start_id = header_.start_id,
                                    .target_seconds = header_.target_seconds,
                                    .discontinuity_sequence = header_.discontinuity_sequence,
                                    .has_independent_segments = has_independent_segments_,
                                    .has_ended = header_.has_ended,
                                    .segments = {}};
    media.segments.reserve(segments_.size());
    for (const auto& [segment, is_gap] : segments_)
      media.segments.push_back({&segment->line, is_gap});
    Counter counter = counters_.ts;
    counter.increment();
    text_ = std::make_shared<const PlaylistText>(
        playlist::render_ts(media), fmt::format("{}-{}-ts", header_.start_id, version_),
        counters_.compressed);
  });
  return text_;
}

}  // namespace millrace::hls
