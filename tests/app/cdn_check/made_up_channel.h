#pragma once
// Playlists and answers of a channel that is made up: segments of 2 s, parts of 0.2 s, and what a
// good cache gave of it.
#include <fmt/format.h>

#include <string>

#include "app/cdn_check/evidence.h"

namespace millrace::test {

inline constexpr std::uint64_t kPartsOfASegment = 10;

/// The playlist whose next part is `open_parts` of segment `open`; six whole segments before it.
inline std::string playlist_text(std::uint64_t open, std::uint64_t open_parts,
                                 bool is_delta = false, double skip_until = 8.0) {
  std::string text = fmt::format(
      "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n"
      "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6,CAN-SKIP-UNTIL={}\n"
      "#EXT-X-PART-INF:PART-TARGET=0.2\n#EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-MAP:URI=\"init.mp4\"\n",
      skip_until, open - 6);
  if (is_delta) text += "#EXT-X-SKIP:SKIPPED-SEGMENTS=4\n";
  const auto add_parts = [&](std::uint64_t segment, std::uint64_t count) {
    for (std::uint64_t part = 0; part < count; ++part)
      text += fmt::format("#EXT-X-PART:DURATION=0.2,URI=\"p{}-{}.m4s\"\n", segment, part);
  };
  for (std::uint64_t segment = open - (is_delta ? 2 : 6); segment < open; ++segment) {
    if (segment + 2 >= open) add_parts(segment, kPartsOfASegment);
    text += fmt::format("#EXTINF:2.00000,\ns{}.m4s\n", segment);
  }
  add_parts(open, open_parts);
  text += fmt::format("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p{}-{}.m4s\"\n", open, open_parts);
  return text + "#EXT-X-RENDITION-REPORT:URI=\"../audio/index.m3u8\",LAST-MSN=1,LAST-PART=0\n";
}

inline app::cdn_check::Observation reply(std::string url, int status, std::string cache_control,
                                         std::string body) {
  return {.url = std::move(url),
          .failure = {},
          .status = status,
          .http_version = 20,
          .headers = {{"cache-control", std::move(cache_control)},
                      {"etag", "\"e1\""},
                      {"access-control-allow-origin", "*"},
                      {"x-cache", "HIT"},
                      {"age", "0"}},
          .body = std::move(body),
          .waited = app::cdn_check::Seconds(0.01),
          .answered_at = {}};
}

inline void set_header(app::cdn_check::Observation& seen, std::string_view name,
                       std::string value) {
  std::erase_if(seen.headers, [name](const auto& field) { return field.first == name; });
  seen.headers.emplace_back(name, std::move(value));
}

inline app::cdn_check::Reload reload(std::uint64_t segment, std::uint64_t part,
                                     double waited = 0.18) {
  app::cdn_check::Reload made{
      .asked = {segment, part},
      .seen = reply(fmt::format("https://edge/index.m3u8?_HLS_msn={}&_HLS_part={}", segment, part),
                    200, "public, max-age=12", playlist_text(segment, part + 1))};
  made.seen.waited = app::cdn_check::Seconds(waited);
  return made;
}

/// Every check is ok with it.
inline app::cdn_check::Evidence good_evidence() {
  using app::cdn_check::Seconds;
  const std::string url = "https://edge/index.m3u8", short_lived = "public, max-age=1";
  const std::string for_ever = "public, max-age=3600, immutable";
  app::cdn_check::Evidence made;
  made.target = Seconds(2);
  made.part_target = Seconds(0.2);
  made.hold_back = Seconds(0.6);
  made.can_skip = true;
  made.multivariant = reply("https://edge/master.m3u8", 200, short_lived, "#EXTM3U\n");
  made.plain = reply(url, 200, short_lived, playlist_text(20, 3));
  made.compressed = reply(url, 200, short_lived, "packed");
  set_header(made.compressed, "content-encoding", "gzip");
  made.uncompressed = made.plain;
  made.refused = reply(url + "?_HLS_msn=23", 400, short_lived, "too far ahead\n");
  for (std::uint64_t part = 3; part < 8; ++part) made.followed.push_back(reload(20, part));
  made.late_plain = reply(url, 200, short_lived, playlist_text(20, 6));
  made.long_hold = {
      .asked = {23, std::nullopt},
      .seen = reply(url + "?_HLS_msn=23", 200, "public, max-age=12", playlist_text(24, 0))};
  made.delta = reload(20, 7);
  made.delta.seen.body = playlist_text(20, 8, true);
  made.full = reload(20, 8);
  made.with_other_argument = reload(20, 7).seen;
  made.crowd.assign(8, reload(20, 9));
  set_header(made.crowd.front().seen, "x-cache", "MISS");
  made.hinted.assign(2, reply("https://edge/p21-0.m4s", 200, "public, max-age=12", "the part"));
  made.lists_hinted = reload(21, 0);
  made.hinted_again = made.hinted.front();
  made.init = reply("https://edge/init.mp4", 200, for_ever, "init");
  made.segment = reply("https://edge/s19.m4s", 200, for_ever,
                       std::string(100, 'a') + std::string(100, 'b') + "c");
  made.range = reply("https://edge/s19.m4s", 206, for_ever, std::string(100, 'b'));
  set_header(made.range, "content-range", "bytes 100-199/201");
  made.not_modified = reply("https://edge/s19.m4s", 304, for_ever, "");
  made.missing = reply("https://edge/none.m4s", 404, short_lived, "no such media\n");
  made.beside_origin = {.cache = reload(20, 8), .origin = reload(20, 8)};
  made.origin_plain = made.plain;
  return made;
}

}  // namespace millrace::test
