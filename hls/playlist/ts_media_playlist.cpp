#include "hls/playlist/ts_media_playlist.h"

#include "base/check.h"

namespace millrace::hls::playlist {
namespace {

// Rfc8216bis 8: floating-point EXTINF durations. Old players refuse what they do not know.
constexpr std::string_view kVersion = "3";
constexpr std::size_t kHeadBytes = 256;
constexpr std::size_t kSegmentBytes = 128;

}  // namespace

std::string render_ts(const TsMediaPlaylist& playlist) {
  CHECK(!playlist.segments.empty());
  Text text(kHeadBytes + kSegmentBytes * playlist.segments.size());
  text << "#EXTM3U\n#EXT-X-VERSION:" << kVersion << "\n";
  if (playlist.has_independent_segments) text << "#EXT-X-INDEPENDENT-SEGMENTS\n";
  text << "#EXT-X-TARGETDURATION:" << playlist.target_seconds
       << "\n#EXT-X-MEDIA-SEQUENCE:" << playlist.segments.front().cmaf->number
       << "\n#EXT-X-DISCONTINUITY-SEQUENCE:" << playlist.discontinuity_sequence << "\n";
  for (const auto& [cmaf, is_gap] : playlist.segments) {
    if (cmaf->starts_discontinuity) text << "#EXT-X-DISCONTINUITY\n";
    text << "#EXT-X-PROGRAM-DATE-TIME:";
    text.date(cmaf->start) << "\n";
    if (is_gap) text << "#EXT-X-GAP\n";
    text << "#EXTINF:";
    text.seconds(cmaf->duration) << ",\ns" << playlist.start_id << "-" << cmaf->number << ".ts\n";
  }
  if (playlist.has_ended) text << "#EXT-X-ENDLIST\n";
  return text.take();
}

}  // namespace millrace::hls::playlist
