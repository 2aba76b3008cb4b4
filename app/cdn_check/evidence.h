#pragma once
// All that the check has seen of one channel through one cache, in the order of its asking.
// Plain values; any thread.
#include <optional>
#include <vector>

#include "app/cdn_check/observation.h"

namespace millrace::app::cdn_check {

/// The Origin that the check says it comes from, as a page with a player does.
inline constexpr const char* kPageOrigin = "https://millrace-check.example";

/// A blocking reload.
struct Reload {
  Position asked;
  Observation seen;
};

/// The same next part, asked of the cache and of the origin at once.
struct Pair {
  Reload cache;
  Reload origin;
};

struct Evidence {
  // Of the playlist that it was about: the first one seen.
  Seconds target{0};
  Seconds part_target{0};
  Seconds hold_back{0};
  bool can_skip = false;  ///< When it was asked for.

  std::optional<Observation> multivariant;
  Observation plain;         ///< Without delivery directives.
  Observation compressed;    ///< The same, by who accepts gzip.
  Observation uncompressed;  ///< The same behind that, by who does not.
  Observation refused;       ///< A reload too far ahead, named so that it is right later.

  std::vector<Reload> followed;  ///< One after the other, as a player asks.
  Observation late_plain;        ///< As `plain`, two target durations and more behind it.
  Reload long_hold;              ///< For a whole segment; its URL is that of `refused`.

  Reload delta;  ///< With _HLS_skip, of a position that was fetched without it just now.
  Reload full;   ///< The reverse. Both only where there are delta updates.
  Observation with_other_argument;  ///< A reload that is cached, with an argument of nobody's.

  std::vector<Reload> crowd;  ///< At once, all for the same next part.

  std::vector<Observation> hinted;  ///< At once, for the part that was hinted.
  Reload lists_hinted;              ///< Asked at the same time, for the playlist that lists it.
  Observation hinted_again;         ///< The part again.

  Observation init;
  Observation segment;       ///< By who accepts gzip.
  Observation range;         ///< Bytes 100 to 199 of it.
  Observation not_modified;  ///< It again, with its ETag.
  Observation missing;       ///< A segment that there never was.

  std::optional<Pair> beside_origin;
  std::optional<Observation> origin_plain;
};

}  // namespace millrace::app::cdn_check
