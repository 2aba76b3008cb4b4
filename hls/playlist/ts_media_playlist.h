#pragma once
// A rendition's media playlist of MPEG-TS segments as text: what RFC 8216 has, and nothing of
// Low-Latency HLS. Pure; any thread.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hls/playlist/media_playlist.h"

namespace millrace::hls::playlist {

/// Complete; borrowed.
struct TsSegment {
  const Segment* cmaf = nullptr;
  bool is_gap = false;  ///< Also where CMAF has media that MPEG-TS has no place for.
};

struct TsMediaPlaylist {
  std::string_view start_id;  ///< In every URI.
  std::uint64_t target_seconds = 0;
  std::uint64_t discontinuity_sequence = 0;
  bool has_independent_segments = false;
  bool has_ended = false;
  std::vector<TsSegment> segments;  ///< Not empty.
};

std::string render_ts(const TsMediaPlaylist& playlist);

}  // namespace millrace::hls::playlist
