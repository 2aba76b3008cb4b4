#pragma once
// One request of the check and what came of it. Plain values; any thread.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/cdn_check/live_playlist.h"

namespace millrace::app::cdn_check {

struct Observation {
  std::string url;
  std::string failure = {};  ///< Why there is no reply; empty where there is one.
  int status = 0;
  int http_version = 0;                                           ///< Ten times: 11, 20.
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< Names in lower case.
  std::string body = {};
  Seconds waited{0};  ///< From the request to the first byte of the reply, or to its failure.
  std::chrono::steady_clock::time_point answered_at{};

  bool is_ok() const { return failure.empty() && status >= 200 && status < 300; }
  /// The first of that name; empty where there is none.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
  /// Nothing where it is none.
  std::optional<LivePlaylist> playlist() const { return parse_live_playlist(body); }
};

/// "504", or why there was no reply, and after what time.
std::string outcome_of(const Observation& seen);

/// For how long a shared cache may keep it (RFC 9111 §4.2.1, s-maxage before max-age); 0 where it
/// may not at all; nothing where it does not say.
std::optional<Seconds> lifetime_of(const Observation& seen);

/// Its Age; nothing where it has none.
std::optional<Seconds> age_of(const Observation& seen);

enum class CacheWord { kHit, kMiss, kUnknown };

/// Whether it came out of a cache, as far as its headers say: Cache-Status (RFC 9211), and the
/// words of nginx, Varnish, CloudFront, Fastly, Akamai, Cloudflare and Google.
CacheWord cache_word(const Observation& seen);

}  // namespace millrace::app::cdn_check
