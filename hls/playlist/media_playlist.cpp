#include "hls/playlist/media_playlist.h"

#include "base/check.h"

namespace millrace::hls::playlist {
namespace {

// §8: EXT-X-MAP in a playlist without EXT-X-I-FRAMES-ONLY needs 6, EXT-X-SKIP 9.
constexpr std::string_view kVersion = "6";
constexpr std::string_view kDeltaVersion = "9";

void write_low_latency(Text& text, const MediaPlaylist& playlist) {
  text << "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=";
  text.seconds(playlist.part_hold_back);
  if (playlist.can_skip_until > 0) {
    text << ",CAN-SKIP-UNTIL=";
    text.seconds(static_cast<PrintedTime>(playlist.can_skip_until) * kStepsPerSecond);
  }
  text << "\n#EXT-X-PART-INF:PART-TARGET=";
  text.seconds(playlist.part_target);
}

void write_header(Text& text, const MediaPlaylist& playlist, std::size_t skipped) {
  text << "#EXTM3U\n#EXT-X-VERSION:" << (skipped > 0 ? kDeltaVersion : kVersion) << "\n";
  if (playlist.has_independent_segments) text << "#EXT-X-INDEPENDENT-SEGMENTS\n";
  text << "#EXT-X-TARGETDURATION:" << playlist.target_seconds;
  // §4.4.3.5: with VOD "the Media Playlist cannot change".
  if (playlist.is_vod)
    text << "\n#EXT-X-PLAYLIST-TYPE:VOD";
  else
    write_low_latency(text, playlist);
  text << "\n#EXT-X-MEDIA-SEQUENCE:"
       << playlist.media_sequence.value_or(playlist.segments.front()->number)
       << "\n#EXT-X-DISCONTINUITY-SEQUENCE:" << playlist.discontinuity_sequence << "\n";
  if (skipped > 0)
    text << "#EXT-X-SKIP:SKIPPED-SEGMENTS=" << playlist.earlier.count + skipped << "\n";
}

void write_part(Text& text, std::string_view start_id, const Part& part) {
  text << "#EXT-X-PART:DURATION=";
  text.seconds(part.duration);
  text << ",URI=\"p" << start_id << "-" << part.counter << ".m4s\"";
  if (part.is_independent) text << ",INDEPENDENT=YES";
  if (part.is_gap) text << ",GAP=YES";
  text << "\n";
}

void write_map(Text& text, const Map& map) {
  text << "#EXT-X-MAP:URI=\"init-" << map.start_id << "-" << map.number << ".mp4\"\n";
}

void write_segment(Text& text, std::string_view playlist_start_id, const Segment& segment,
                   Map& map) {
  const auto start_id = segment.start_id.empty() ? playlist_start_id : segment.start_id;
  // §4.4.4.9: "EXT-X-DISCONTINUITY, EXT-X-KEY, EXT-X-MAP, or EXT-X-PROGRAM-DATE-TIME […] MUST
  // appear before the first EXT-X-PART tag of that Parent Segment."
  if (segment.starts_discontinuity) text << "#EXT-X-DISCONTINUITY\n";
  const Map its_map{start_id, segment.map};
  if (segment.map != 0 && (its_map != map || segment.starts_discontinuity)) {
    map = its_map;
    write_map(text, map);
  }
  text << "#EXT-X-PROGRAM-DATE-TIME:";
  text.date(segment.start) << "\n";
  if (segment.lists_parts)
    for (const Part& part : segment.parts) write_part(text, start_id, part);
  if (!segment.is_complete) return;
  if (segment.is_gap) text << "#EXT-X-GAP\n";
  text << "#EXTINF:";
  text.seconds(segment.duration) << ",\ns" << start_id << "-" << segment.number << ".m4s\n";
}

// What a segment takes, and what the newest ones' parts do.
constexpr std::size_t kSegmentBytes = 160;
constexpr std::size_t kHeadBytes = 512;
constexpr std::size_t kPartsBytes = 80 * 64;

void write_tail(Text& text, const MediaPlaylist& playlist, std::size_t skipped, Map map) {
  for (std::size_t i = skipped; i < playlist.segments.size(); ++i)
    write_segment(text, playlist.start_id, *playlist.segments[i], map);
  if (playlist.has_ended) {
    text << "#EXT-X-ENDLIST\n";
    return;
  }
  text << "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p" << playlist.start_id << "-" << playlist.next_part
       << ".m4s\"\n";
  for (const RenditionReport& report : playlist.reports)
    text << "#EXT-X-RENDITION-REPORT:URI=\"../" << report.rendition << "/index.m3u8"
         << (playlist.is_dvr ? "?dvr" : "") << "\",LAST-MSN=" << report.last_segment
         << ",LAST-PART=" << report.last_part << "\n";
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
  CHECK(!playlist.segments.empty());
  Text text(kHeadBytes + kSegmentBytes * playlist.segments.size() + kPartsBytes);
  write_header(text, playlist, 0);
  write_tail(text, playlist, 0, {});
  return text.take();
}

std::string render_head(const MediaPlaylist& playlist) {
  CHECK(!playlist.segments.empty());
  const MediaPlaylist::Earlier& earlier = playlist.earlier;
  Text text(kHeadBytes + kSegmentBytes * earlier.front.size());
  write_header(text, playlist, 0);
  Map map;
  for (const Segment* const segment : earlier.front)
    write_segment(text, playlist.start_id, *segment, map);
  if (earlier.map_before.number != 0 && earlier.map_before != map)
    write_map(text, earlier.map_before);
  return text.take();
}

std::string render_tail(const MediaPlaylist& playlist) {
  Text text(kSegmentBytes * playlist.segments.size() + kPartsBytes);
  write_tail(text, playlist, 0, playlist.earlier.map_behind);
  return text.take();
}

std::string render_segments(std::string_view start_id, const std::vector<Segment>& segments,
                            Map& map) {
  Text text(kSegmentBytes * segments.size());
  for (const Segment& segment : segments) write_segment(text, start_id, segment, map);
  return text.take();
}

std::string render_delta(const MediaPlaylist& playlist) {
  const std::size_t skipped = skipped_segments(playlist);
  CHECK(skipped > 0 || playlist.earlier.count == 0);
  Text text(kHeadBytes + kSegmentBytes * playlist.segments.size() + kPartsBytes);
  write_header(text, playlist, skipped);
  write_tail(text, playlist, skipped, {});
  return text.take();
}

}  // namespace millrace::hls::playlist
