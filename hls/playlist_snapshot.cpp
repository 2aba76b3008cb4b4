#include "hls/playlist_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hls/dvr/dvr_playlist.h"

namespace millrace::hls {
namespace {

// rfc8216bis 6.2.2: "The server SHOULD remove EXT-X-PART tags […] that are greater than three
// Target Durations from the end of the Playlist."
constexpr std::uint64_t kPartsTargets = 3;

/// How many of the first segments lie farther than that from the end; all parts of one go at once.
std::size_t count_without_parts(const SegmentWindow& window, std::uint64_t target_seconds) {
  const auto limit = static_cast<playlist::PrintedTime>(kPartsTargets * target_seconds) *
                     playlist::kStepsPerSecond;
  playlist::PrintedTime distance = window.open().line.duration;
  std::size_t i = window.listed_count();
  for (; i > 0 && distance <= limit; --i) distance += window.listed(i - 1).line.duration;
  return i;
}

}  // namespace

PlaylistCounters::PlaylistCounters(Metrics& metrics)
    : full(metrics.counter("millrace_hls_playlists_rendered_total",
                           "Playlists rendered as text, by form.", {{"form", "full"}})),
      delta(metrics.counter("millrace_hls_playlists_rendered_total",
                            "Playlists rendered as text, by form.", {{"form", "delta"}})),
      ts(metrics.counter("millrace_hls_playlists_rendered_total",
                         "Playlists rendered as text, by form.", {{"form", "ts"}})),
      multivariant(metrics.counter("millrace_hls_playlists_rendered_total",
                                   "Playlists rendered as text, by form.",
                                   {{"form", "multivariant"}})),
      compressed(metrics.counter("millrace_hls_playlists_compressed_total",
                                 "Playlists compressed with gzip.")) {}

PlaylistSnapshot::PlaylistSnapshot(PlaylistHeader header, const SegmentWindow& window,
                                   const PlaylistCounters& counters, std::optional<DvrListing> past)
    : header_(std::move(header)),
      part_target_(playlist::to_printed(window.init()->part_target)),
      has_independent_segments_(window.has_independent_segments()),
      next_part_(window.next_part()),
      open_(window.open().line),
      past_(std::move(past)),
      counters_(counters) {
  if (past_) {
    has_independent_segments_ &= past_->has_independent_segments;
    header_.target_seconds = std::max(header_.target_seconds, past_->least_target_seconds);
    header_.can_skip_until = kSkipTargets * header_.target_seconds;
  }
  const std::size_t without_parts = count_without_parts(window, header_.target_seconds);
  complete_.reserve(window.listed_count() - without_parts);
  without_parts_.reserve(without_parts);
  for (std::size_t i = 0; i < without_parts; ++i) {
    const playlist::Segment& line = window.listed(i).line;
    without_parts_.push_back({.number = line.number,
                              .start = line.start,
                              .duration = line.duration,
                              .map = line.map,
                              .starts_discontinuity = line.starts_discontinuity,
                              .is_gap = line.is_gap,
                              .is_complete = true,
                              .lists_parts = false,
                              .parts = {}});
  }
  first_number_ = window.listed_count() > 0 ? window.listed(0).line.number : window.open_number();
  for (std::size_t i = without_parts; i < window.listed_count(); ++i)
    complete_.push_back(window.share_listed(i));
}

std::shared_ptr<const PlaylistText> PlaylistSnapshot::text(PlaylistForm form) const {
  Rendered& rendered = form == PlaylistForm::kFull ? full_ : delta_;
  std::call_once(rendered.once, [&] { rendered.text = render(form); });
  return rendered.text;
}

std::shared_ptr<const PlaylistText> PlaylistSnapshot::render(PlaylistForm form) const {
  playlist::MediaPlaylist media{.start_id = header_.start_id,
                                .target_seconds = header_.target_seconds,
                                .part_target = part_target_,
                                .part_hold_back = header_.part_hold_back,
                                .can_skip_until = header_.can_skip_until,
                                .has_independent_segments = has_independent_segments_,
                                .discontinuity_sequence = header_.discontinuity_sequence,
                                .segments = {},
                                .next_part = next_part_,
                                .has_ended = header_.has_ended,
                                .reports = {}};
  std::optional<DvrSegments> past;
  if (past_) {
    past.emplace(*past_);
    past->list_in(media);
    media.is_dvr = true;
    // Numbers of an earlier start count backwards from those of now.
    media.media_sequence = first_number_ - std::min(first_number_, past_->count);
    media.discontinuity_sequence -= std::min(media.discontinuity_sequence, past_->discontinuities);
  }
  for (const auto& segment : without_parts_) media.segments.push_back(&segment);
  for (const auto& segment : complete_) media.segments.push_back(&segment->line);
  if (!open_.parts.empty()) media.segments.push_back(&open_);
  for (const auto& report : header_.reports)
    media.reports.push_back(
        {report.rendition, report.newest_part.segment, report.newest_part.part});
  // A delta update that leaves out nothing is the whole: the same text, made once.
  if (form == PlaylistForm::kDelta && playlist::skipped_segments(media) == 0)
    return text(PlaylistForm::kFull);
  Counter counter = form == PlaylistForm::kFull ? counters_.full : counters_.delta;
  counter.increment();
  if (form == PlaylistForm::kDelta)
    return std::make_shared<const PlaylistText>(playlist::render_delta(media), etag(form),
                                                counters_.compressed);
  if (past)
    return std::make_shared<const PlaylistText>(past->render(media), etag(form),
                                                counters_.compressed);
  return std::make_shared<const PlaylistText>(playlist::render(media), etag(form),
                                              counters_.compressed);
}

bool PlaylistSnapshot::is_made(PlaylistForm form, bool is_compressed) const {
  // A delta update of what has ended is the whole.
  if (!past_ || (form == PlaylistForm::kDelta && !header_.has_ended)) return true;
  return past_->is_made(is_compressed);
}

std::string PlaylistSnapshot::etag(PlaylistForm form) const {
  return fmt::format("{}-{}{}{}", header_.start_id, header_.version, past_ ? "-dvr" : "",
                     form == PlaylistForm::kFull ? "" : "-delta");
}

}  // namespace millrace::hls
