#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "media/media_time.h"
#include "media/track_info.h"

namespace millrace {

/// One access unit in decoding order. Copying shares the payload. Behind a channel's timeline,
/// `dts + duration` of a packet is the dts of the track's next one, but where a discontinuity or a
/// gap comes between.
struct EncodedPacket {
  std::shared_ptr<const TrackInfo> track;  ///< Never null; another pointer means new parameters.
  Bytes payload;  ///< H.264/HEVC: NAL units with 4-byte lengths; AV1: low-overhead OBUs; AAC: raw.
  MediaTime pts{};
  MediaTime dts{};
  MediaTime duration{};
  bool is_key_frame = false;
  bool follows_gap = false;  ///< Packets before this one were lost or dropped.
  /// Set by the channel's timeline on the packet that opens a segment, in every track.
  std::optional<SegmentNumber> opens_segment;
  /// Only with `opens_segment`: the segment opens a discontinuity (in every rendition).
  bool starts_discontinuity = false;
  /// When its last byte left the socket; feeds the latency metrics.
  std::chrono::steady_clock::time_point received_at;
};

}  // namespace millrace
