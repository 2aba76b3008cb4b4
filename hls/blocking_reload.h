#pragma once
// Whether a blocking playlist reload is answered at once, held or refused
// (draft-pantos-hls-rfc8216bis §6.2.5.2), and what it waits for. Pure; any thread.
#include <compare>
#include <cstdint>
#include <limits>

#include "hls/media_path.h"
#include "media/media_time.h"

namespace millrace::hls {

/// A part of a rendition, or the whole of a segment behind all its parts.
struct PlaylistPosition {
  static constexpr std::uint64_t kWhole = std::numeric_limits<std::uint64_t>::max();
  SegmentNumber segment = 0;
  std::uint64_t part = 0;  ///< Its index in the segment.
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a 0 in the defaulted comparison.
  friend auto operator<=>(const PlaylistPosition&, const PlaylistPosition&) = default;
};

/// How far a playlist has come. There is at least one part.
struct PlaylistEdge {
  SegmentNumber last_complete = 0;   ///< The one before the first where none is complete.
  PlaylistPosition newest_part;      ///< Of the open segment, or of the last complete one.
  std::uint64_t advance_parts = 15;  ///< A part so far beyond the newest is refused; see below.

  bool reached(const PlaylistPosition& wanted) const {
    return wanted.part == PlaylistPosition::kWhole ? last_complete >= wanted.segment
                                                   : newest_part >= wanted;
  }
};

/// §6.2.5.2: "three divided by the Part Target Duration if the Part Target Duration is less than
/// one second, or three otherwise."
std::uint64_t advance_part_limit(MediaTime part_target);

enum class ReloadAnswer { kAtOnce, kHeld, kRefused };

struct ReloadDecision {
  ReloadAnswer answer = ReloadAnswer::kAtOnce;
  PlaylistPosition wait_for;  ///< Where it is held.
};

/// For a playlist that goes on; one that has ended answers at once, whatever is asked.
ReloadDecision decide_reload(const DeliveryDirectives& directives, const PlaylistEdge& edge);

}  // namespace millrace::hls
