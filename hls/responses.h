#pragma once
// What the origin answers with: headers of each class of object, conditional and range requests.
// Pure; any thread.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "hls/cache_lifetimes.h"
#include "hls/media_path.h"
#include "hls/playlist_snapshot.h"
#include "net/http_server.h"

namespace millrace::hls {

/// 200 or 304, compressed for who accepts it.
net::HttpResponse playlist_response(const net::HttpRequest& request, const PlaylistText& text,
                                    MediaObject object, const CacheRule& rule);

/// 200, 206, 304 or 416. `etag` without quotes.
net::HttpResponse media_response(const net::HttpRequest& request, MediaObject object,
                                 MediaKind kind, std::string_view etag, std::vector<Bytes> body,
                                 const CacheRule& rule);

/// With one line that says why. No cache keeps 403 (a wrong token must not stand for those of
/// others, where the cache leaves tokens out of its keys) and 503; what else it is, for `max_age`.
net::HttpResponse error_response(MediaObject object, int status, std::string_view why,
                                 std::chrono::seconds max_age);

/// 302 to what `location` is, relative to the request's path; no cache keeps it.
net::HttpResponse redirect_response(MediaObject object, std::string location);

/// Answers OPTIONS (a CORS preflight) and refuses what is neither GET nor HEAD; nothing for these.
std::optional<net::HttpResponse> method_response(const net::HttpRequest& request);

}  // namespace millrace::hls
