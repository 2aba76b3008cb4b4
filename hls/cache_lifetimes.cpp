#include "hls/cache_lifetimes.h"

#include <algorithm>

namespace millrace::hls {
namespace {

using std::chrono::seconds;

// Media of any age is fetched through caches for as long as the window lasts; its URL never has
// another content, so that an hour is as good as a minute.
constexpr seconds kMediaAge(3600);

}  // namespace

CacheRule cache_rule(const CacheLifetimes& lifetimes, CacheClass what,
                     std::uint64_t target_seconds) {
  const seconds target(target_seconds);
  const seconds brief = std::max(target / 2, seconds(1));
  const seconds media = std::max(6 * target, kMediaAge);
  switch (what) {
    case CacheClass::kMultivariant:
      return {.max_age = lifetimes.multivariant.value_or(brief)};
    case CacheClass::kPlaylist:
      return {.max_age = lifetimes.playlist.value_or(brief)};
    case CacheClass::kBlocking:
      return {.max_age = lifetimes.blocking.value_or(6 * target)};
    case CacheClass::kEnded:
      return {.max_age = lifetimes.ended.value_or(brief)};
    case CacheClass::kInit:
      return {.max_age = lifetimes.init.value_or(media), .is_immutable = true};
    case CacheClass::kSegment:
      return {.max_age = lifetimes.segment.value_or(media), .is_immutable = true};
    case CacheClass::kPart:
      return {.max_age = lifetimes.part.value_or(6 * target), .is_immutable = true};
  }
  return {};
}

}  // namespace millrace::hls
