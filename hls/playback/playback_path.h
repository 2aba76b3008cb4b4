#pragma once
// Where a request has its token, and what it asks for without it. Input from outside. Pure; any
// thread.
#include <string>
#include <string_view>

namespace millrace::hls {

struct PlaybackPath {
  std::string_view token;    ///< Empty: none.
  std::string_view path;     ///< Without the token: "/live/shop/index.m3u8".
  bool is_in_query = false;  ///< The token is; one in the path wins.
};

/// "/s/TOKEN/live/…", or "token=TOKEN" in the query. Views of what was parsed.
PlaybackPath parse_playback_path(std::string_view path, std::string_view query);

/// From "/live/shop/index.m3u8?token=T&_HLS_msn=7" to "../../s/T/live/shop/index.m3u8?_HLS_msn=7":
/// relative, so that it holds behind a proxy that adds a prefix too.
std::string path_form_of(const PlaybackPath& asked, std::string_view query);

}  // namespace millrace::hls
