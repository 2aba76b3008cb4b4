#include "hls/playlist/media_playlist.h"

#include <optional>

#include "base/check.h"

namespace millrace::hls::playlist {
namespace {

// §8: EXT-X-MAP in a playlist without EXT-X-I-FRAMES-ONLY needs 6, EXT-X-SKIP 9.
constexpr std::string_view kVersion = "6";
constexpr std::string_view kDeltaVersion = "9";

void write_header(Text& text, const MediaPlaylist& playlist, std::size_t skipped) {
  text << "#EXTM3U\n#EXT-X-VERSION:" << (skipped > 0 ? kDeltaVersion : kVersion) << "\n";
  if (playlist.has_independent_segments) text << "#EXT-X-INDEPENDENT-SEGMENTS\n";
  text << "#EXT-X-TARGETDURATION:" << playlist.target_seconds
       << "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=";
  text.seconds(playlist.part_hold_back);
  if (playlist.can_skip_until > 0) {
    text << ",CAN-SKIP-UNTIL=";
    text.seconds(static_cast<PrintedTime>(playlist.can_skip_until) * kStepsPerSecond);
  }
  text << "\n#EXT-X-PART-INF:PART-TARGET=";
  text.seconds(playlist.part_target);
  text << "\n#EXT-X-MEDIA-SEQUENCE:" << playlist.segments.front()->number
       << "\n#EXT-X-DISCONTINUITY-SEQUENCE:" << playlist.discontinuity_sequence << "\n";
  if (skipped > 0)
    text << "#EXT-X-SKIP:SKIPPED-SEGMENTS=" << static_cast<std::uint64_t>(skipped) << "\n";
}

void write_part(Text& text, const MediaPlaylist& playlist, const Part& part) {
  text << "#EXT-X-PART:DURATION=";
  text.seconds(part.duration);
  text << ",URI=\"p" << playlist.start_id << "-" << part.counter << ".m4s\"";
  if (part.is_independent) text << ",INDEPENDENT=YES";
  if (part.is_gap) text << ",GAP=YES";
  text << "\n";
}

void write_segment(Text& text, const MediaPlaylist& playlist, const Segment& segment,
                   SegmentNumber& map) {
  // §4.4.4.9: "EXT-X-DISCONTINUITY, EXT-X-KEY, EXT-X-MAP, or EXT-X-PROGRAM-DATE-TIME […] MUST
  // appear before the first EXT-X-PART tag of that Parent Segment."
  if (segment.starts_discontinuity) text << "#EXT-X-DISCONTINUITY\n";
  if (segment.map != 0 && (segment.map != map || segment.starts_discontinuity)) {
    map = segment.map;
    text << "#EXT-X-MAP:URI=\"init-" << playlist.start_id << "-" << segment.map << ".mp4\"\n";
  }
  text << "#EXT-X-PROGRAM-DATE-TIME:";
  text.date(segment.start) << "\n";
  if (segment.lists_parts)
    for (const Part& part : segment.parts) write_part(text, playlist, part);
  if (!segment.is_complete) return;
  if (segment.is_gap) text << "#EXT-X-GAP\n";
  text << "#EXTINF:";
  text.seconds(segment.duration) << ",\ns" << playlist.start_id << "-" << segment.number
                                 << ".m4s\n";
}

std::string render_from(const MediaPlaylist& playlist, std::size_t skipped) {
  CHECK(!playlist.segments.empty());
  Text text(512 + 160 * playlist.segments.size() + 80 * 64);
  write_header(text, playlist, skipped);
  SegmentNumber map = 0;
  for (std::size_t i = skipped; i < playlist.segments.size(); ++i)
    write_segment(text, playlist, *playlist.segments[i], map);
  if (playlist.has_ended) {
    text << "#EXT-X-ENDLIST\n";
    return text.take();
  }
  text << "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p" << playlist.start_id << "-" << playlist.next_part
       << ".m4s\"\n";
  for (const RenditionReport& report : playlist.reports)
    text << "#EXT-X-RENDITION-REPORT:URI=\"../" << report.rendition
         << "/index.m3u8\",LAST-MSN=" << report.last_segment << ",LAST-PART=" << report.last_part
         << "\n";
  return text.take();
}

}  // namespace

/// §6.2.5.1: "Media Segments that are further from the end of the last (Parent) Media Segment in
/// the Playlist than the Skip Boundary". Only those that lie entirely beyond it.
std::size_t skipped_segments(const MediaPlaylist& playlist) {
  if (playlist.can_skip_until == 0 || playlist.has_ended) return 0;
  const auto boundary = static_cast<PrintedTime>(playlist.can_skip_until) * kStepsPerSecond;
  PrintedTime from_end = 0;
  for (std::size_t i = playlist.segments.size(); i > 0; --i) {
    const Segment& segment = *playlist.segments[i - 1];
    if (!segment.is_complete) continue;
    if (from_end > boundary) return i;
    from_end += segment.duration;
  }
  return 0;
}

std::string render(const MediaPlaylist& playlist) {
  return render_from(playlist, 0);
}

std::string render_delta(const MediaPlaylist& playlist) {
  return render_from(playlist, skipped_segments(playlist));
}

}  // namespace millrace::hls::playlist
