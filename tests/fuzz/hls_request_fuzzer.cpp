// What the origin reads of a request: path, query, and the headers that it looks into. One line of
// the input each.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "hls/byte_range.h"
#include "hls/media_path.h"
#include "net/accept_encoding.h"

using namespace millrace::hls;

namespace {

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

/// The one URL of what was parsed.
std::string path_of(const MediaPath& path) {
  switch (path.object) {
    case MediaObject::kMultivariant:
      return fmt::format("/live/{}/index.m3u8", path.channel);
    case MediaObject::kPlaylist:
      return fmt::format("/live/{}/{}/index.m3u8", path.channel, path.rendition);
    case MediaObject::kInit:
      return fmt::format("/live/{}/{}/init-{}-{}.mp4", path.channel, path.rendition, path.start_id,
                         path.number);
    case MediaObject::kSegment:
      return fmt::format("/live/{}/{}/s{}-{}.m4s", path.channel, path.rendition, path.start_id,
                         path.number);
    case MediaObject::kPart:
      return fmt::format("/live/{}/{}/p{}-{}.m4s", path.channel, path.rendition, path.start_id,
                         path.number);
    case MediaObject::kTsMultivariant:
      return fmt::format("/live/{}/ts.m3u8", path.channel);
    case MediaObject::kTsPlaylist:
      return fmt::format("/live/{}/{}/ts.m3u8", path.channel, path.rendition);
    case MediaObject::kTsSegment:
      return fmt::format("/live/{}/{}/s{}-{}.ts", path.channel, path.rendition, path.start_id,
                         path.number);
    case MediaObject::kVod:
      return fmt::format("/live/{}/vod.m3u8", path.channel);
    case MediaObject::kVodPlaylist:
      return path.start_id.empty()
                 ? fmt::format("/live/{}/{}/vod.m3u8", path.channel, path.rendition)
                 : fmt::format("/live/{}/{}/vod-{}-{}.m3u8", path.channel, path.rendition,
                               path.start_id, path.number);
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto path = take_line(text);
  if (const auto parsed = parse_media_path(path)) CHECK(path_of(*parsed) == path);
  const auto directives = parse_delivery_directives(take_line(text));
  if (directives.has_value())
    CHECK(!directives.value().part || directives.value().media_sequence_number);
  constexpr std::uint64_t kSize = 1000;
  const auto range = parse_byte_range(take_line(text), kSize);
  if (range.kind == ByteRange::Kind::kPart) CHECK(range.first <= range.last && range.last < kSize);
  millrace::net::accepts_gzip(text);
  return 0;
}
