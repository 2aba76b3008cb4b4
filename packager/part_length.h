#pragma once
// How long a track's parts are: PART-TARGET and where to cut (design.md §5). Pure; any thread.
#include <cstdint>

#include "media/track_info.h"

namespace millrace::packager {

/// rfc8216bis 4.4.4.9: "The duration of a Partial Segment MUST be at least 85% of the Part Target
/// Duration", but for independent ones and a segment's last.
inline constexpr int kMinPartPercent = 85;

/// In ticks of the track's timescale, but for `target`.
struct PartLength {
  MediaTime target{};         ///< EXT-X-PART-INF: a whole multiple of 10 µs.
  std::int64_t longest = 0;   ///< No part has more.
  std::int64_t shortest = 0;  ///< 85 %, and what printing may take away.
  std::int64_t wanted = 0;    ///< A part of so many is complete.
  std::int64_t frame = 0;     ///< Of each sample, exactly; 0 where that varies.
};

/// Constant rate: k frames, the count nearest the wish. Variable rate: the wish, or so much that
/// the longest frame fits between 85 % and the whole, at most 1 s. Audio: the n frames that fit
/// into the wish, with a target of n + 1, since a part comes with the picture that lets it pass,
/// up to a frame late, and must come within one target of the part before (6.2.1).
PartLength part_length_of(const TrackInfo& track, MediaTime wish);

}  // namespace millrace::packager
