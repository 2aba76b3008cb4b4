#pragma once
// What the origin answers with: headers of each class of object, conditional and range requests.
// Pure; any thread.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "hls/media_path.h"
#include "hls/playlist_snapshot.h"
#include "net/http_server.h"

namespace millrace::hls {

/// For how long a cache may keep an answer; llhls.md's table is rfc8216bis B.1.
struct CacheRule {
  std::chrono::seconds max_age{0};
  bool is_immutable = false;  ///< The URL never has another content.
};

/// `is_blocking`: asked for by its number, so that the answer never becomes wrong.
CacheRule playlist_cache_rule(std::uint64_t target_seconds, bool is_blocking);
CacheRule media_cache_rule(MediaObject object, std::uint64_t target_seconds);

/// 200 or 304, compressed for who accepts it.
net::HttpResponse playlist_response(const net::HttpRequest& request, const PlaylistText& text,
                                    MediaObject object, const CacheRule& rule);

/// 200, 206, 304 or 416. `etag` without quotes.
net::HttpResponse media_response(const net::HttpRequest& request, MediaObject object,
                                 MediaKind kind, std::string_view etag, std::vector<Bytes> body,
                                 const CacheRule& rule);

/// With one line that says why.
net::HttpResponse error_response(MediaObject object, int status, std::string_view why);

/// Answers OPTIONS (a CORS preflight) and refuses what is neither GET nor HEAD; nothing for these.
std::optional<net::HttpResponse> method_response(const net::HttpRequest& request);

}  // namespace millrace::hls
