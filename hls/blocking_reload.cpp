#include "hls/blocking_reload.h"

namespace millrace::hls {

std::uint64_t advance_part_limit(MediaTime part_target) {
  constexpr MediaTime kSecond = std::chrono::seconds(1);
  if (part_target <= MediaTime::zero() || part_target >= kSecond) return 3;
  return static_cast<std::uint64_t>((3 * kSecond + part_target - MediaTime(1)) / part_target);
}

ReloadDecision decide_reload(const DeliveryDirectives& directives, const PlaylistEdge& edge) {
  if (!directives.media_sequence_number) return {};
  // "If the Client requests a Part Index greater than that of the final Partial Segment of the
  // Parent Segment, the Server MUST treat the request as one for Part Index 0 of the following
  // Parent Segment." So it does: positions are ordered by segment first.
  const PlaylistPosition wanted{*directives.media_sequence_number,
                                directives.part.value_or(PlaylistPosition::kWhole)};
  if (edge.reached(wanted)) return {};
  // "If the _HLS_msn is greater than the Media Sequence Number of the last Media Segment in the
  // current Playlist plus two […] the server SHOULD immediately return Bad Request".
  if (wanted.segment > edge.last_complete + 2)
    return {.answer = ReloadAnswer::kRefused, .wait_for = {}};
  if (directives.part && wanted.segment > edge.last_complete) {
    const bool is_open = wanted.segment == edge.newest_part.segment;
    const std::uint64_t newest = is_open ? edge.newest_part.part : 0;
    if (wanted.part > newest + edge.advance_parts)
      return {.answer = ReloadAnswer::kRefused, .wait_for = {}};
  }
  return {.answer = ReloadAnswer::kHeld, .wait_for = wanted};
}

}  // namespace millrace::hls
