#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "media/media_time.h"
#include "media/track_info.h"

namespace millrace {

/// A rendition's CMAF header. Another pointer than before means EXT-X-MAP anew, and comes only at
/// a segment's first chunk: one that starts a discontinuity, or the first after a rest.
struct InitSegment {
  Bytes bytes;         ///< ftyp + moov.
  std::string codecs;  ///< RFC 6381, e.g. "avc1.64001f".
  std::shared_ptr<const TrackInfo> track;
  MediaTime part_target{};  ///< No chunk is longer; a whole multiple of 10 µs. EXT-X-PART-INF.
};

/// One moof+mdat: an HLS partial segment. The chunks of one `segment_number`, in order, are the
/// segment.
struct CmafChunk {
  std::shared_ptr<const InitSegment> init;
  SegmentNumber segment_number = 0;
  bool starts_discontinuity = false;  ///< Only on a segment's first chunk.
  bool is_independent = false;        ///< Begins with a key frame (every audio chunk does).
  MediaTime start{};     ///< tfdt, on the channel's clock: nanoseconds since the epoch.
  MediaTime duration{};  ///< Sum of its samples' durations, to the tick.
  Bytes bytes;
  /// `EncodedPacket::received_at` of its last packet.
  std::chrono::steady_clock::time_point received_at;
};

}  // namespace millrace
