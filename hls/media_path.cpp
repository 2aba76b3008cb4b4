#include "hls/media_path.h"

#include <charconv>

namespace millrace::hls {
namespace {

constexpr std::string_view kRoot = "/live/";
constexpr std::string_view kPlaylistFile = "index.m3u8";
constexpr std::string_view kTsPlaylistFile = "ts.m3u8";
constexpr std::string_view kVodFile = "vod.m3u8";

/// Digits only, as we print them: no sign, no leading zero, so that an object has one URL.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return number;
}

bool is_no(std::string_view value) {
  return value == "0" || value == "no" || value == "false" || value == "off";
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

/// "init-START-NUMBER.mp4", "sSTART-NUMBER.m4s", "pSTART-COUNTER.m4s", "sSTART-NUMBER.ts",
/// "vod-START-NUMBER.m3u8".
bool parse_media_file(std::string_view file, MediaPath& path) {
  if (take_prefix(file, "vod-")) {
    path.object = MediaObject::kVodPlaylist;
    if (!take_suffix(file, ".m3u8")) return false;
  } else if (take_prefix(file, "init-")) {
    path.object = MediaObject::kInit;
    if (!take_suffix(file, ".mp4")) return false;
  } else if (take_suffix(file, ".ts")) {
    path.object = MediaObject::kTsSegment;
    if (!take_prefix(file, "s")) return false;
  } else {
    if (!take_suffix(file, ".m4s")) return false;
    path.object = file.starts_with('p') ? MediaObject::kPart : MediaObject::kSegment;
    if (!take_prefix(file, "p") && !take_prefix(file, "s")) return false;
  }
  const auto dash = file.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return false;
  path.start_id = file.substr(0, dash);
  const auto number = parse_number(file.substr(dash + 1));
  path.number = number.value_or(0);
  return number.has_value();
}

}  // namespace

std::string_view to_string(MediaObject object) {
  switch (object) {
    case MediaObject::kMultivariant:
      return "multivariant";
    case MediaObject::kPlaylist:
      return "playlist";
    case MediaObject::kInit:
      return "init";
    case MediaObject::kSegment:
      return "segment";
    case MediaObject::kPart:
      return "part";
    case MediaObject::kTsMultivariant:
      return "ts-multivariant";
    case MediaObject::kTsPlaylist:
      return "ts-playlist";
    case MediaObject::kTsSegment:
      return "ts-segment";
    case MediaObject::kVod:
    case MediaObject::kVodPlaylist:
      return "vod";
  }
  return "other";
}

std::optional<MediaPath> parse_media_path(std::string_view path) {
  MediaPath parsed;
  if (!take_prefix(path, kRoot)) return std::nullopt;
  const auto channel_end = path.find('/');
  if (channel_end == std::string_view::npos || channel_end == 0) return std::nullopt;
  parsed.channel = path.substr(0, channel_end);
  path.remove_prefix(channel_end + 1);
  if (path == kPlaylistFile) return parsed;
  if (path == kTsPlaylistFile) {
    parsed.object = MediaObject::kTsMultivariant;
    return parsed;
  }
  if (path == kVodFile) {
    parsed.object = MediaObject::kVod;
    return parsed;
  }
  const auto rendition_end = path.find('/');
  if (rendition_end == std::string_view::npos || rendition_end == 0) return std::nullopt;
  parsed.rendition = path.substr(0, rendition_end);
  path.remove_prefix(rendition_end + 1);
  if (path == kPlaylistFile || path == kTsPlaylistFile) {
    parsed.object = path == kPlaylistFile ? MediaObject::kPlaylist : MediaObject::kTsPlaylist;
    return parsed;
  }
  if (path == kVodFile) {
    parsed.object = MediaObject::kVodPlaylist;
    return parsed;
  }
  if (!parse_media_file(path, parsed)) return std::nullopt;
  return parsed;
}

Result<DeliveryDirectives> parse_delivery_directives(std::string_view query) {
  DeliveryDirectives directives;
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    const auto name = pair.substr(0, equals);
    const auto value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    if (name == "dvr") directives.dvr = !is_no(value);
    if (name == "_HLS_skip") directives.skip = value == "YES" || value == "v2";
    if (name != "_HLS_msn" && name != "_HLS_part") continue;
    const auto number = parse_number(value);
    if (!number) return Error{ErrorCode::kInvalidData, std::string(name) + " is no number"};
    (name == "_HLS_msn" ? directives.media_sequence_number : directives.part) = number;
  }
  // §6.2.5.2: "If the Client includes _HLS_part […] it MUST also include the _HLS_msn directive."
  if (directives.part && !directives.media_sequence_number)
    return Error{ErrorCode::kInvalidData, "_HLS_part without _HLS_msn"};
  return directives;
}

}  // namespace millrace::hls
