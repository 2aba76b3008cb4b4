#pragma once
// What a request for something below /live/ asks for: its path and its query's delivery directives
// (draft-pantos-hls-rfc8216bis §6.2.5). Input from outside. Pure; any thread.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "media/media_time.h"

namespace millrace::hls {

enum class MediaObject {
  kMultivariant,
  kPlaylist,
  kInit,
  kSegment,
  kPart,
  kTsMultivariant,
  kTsPlaylist,
  kTsSegment,
  kVod,
  kVodPlaylist
};

/// A kind's name in the metrics.
std::string_view to_string(MediaObject object);

/// Of what is live, where it may be waited for.
constexpr bool is_live_playlist(MediaObject object) {
  return object == MediaObject::kMultivariant || object == MediaObject::kPlaylist ||
         object == MediaObject::kTsMultivariant || object == MediaObject::kTsPlaylist;
}
/// Of whatever kind.
constexpr bool is_playlist(MediaObject object) {
  return is_live_playlist(object) || object == MediaObject::kVod ||
         object == MediaObject::kVodPlaylist;
}

/// /live/CHANNEL/index.m3u8, /live/CHANNEL/ts.m3u8, /live/CHANNEL/vod.m3u8,
/// /live/CHANNEL/RENDITION/FILE. Views of the path that was parsed.
struct MediaPath {
  MediaObject object = MediaObject::kMultivariant;
  std::string_view channel;
  std::string_view rendition;  ///< Empty for a multivariant playlist.
  std::string_view start_id;   ///< Of which start of the server; media, and a show's playlist:
                               ///< there empty for the newest show's.
  /// A part's counter; the number of a segment, of an init's first, or of a show's.
  std::uint64_t number = 0;
};

/// Nothing for a path that no object has. Names are not percent-encoded: no channel needs it.
std::optional<MediaPath> parse_media_path(std::string_view path);

/// _HLS_msn, _HLS_part, _HLS_skip, and our own `dvr`, with or without a value, but "0", "no",
/// "false" or "off"; everything else in a query is ignored (BR-12).
struct DeliveryDirectives {
  std::optional<SegmentNumber> media_sequence_number;
  std::optional<std::uint64_t> part;
  bool dvr = false;   ///< The playlist that goes back as far as the disk does.
  bool skip = false;  ///< A delta update is welcome; "YES" and "v2" alike while there are no dates.
};

/// kInvalidData where a number is none, or a part is named without its segment: status 400.
Result<DeliveryDirectives> parse_delivery_directives(std::string_view query);

}  // namespace millrace::hls
