#pragma once
// H.264 clips made on the spot, as ingest's timeline would hand them on.
#include <cstdint>
#include <vector>

#include "media/encoded_packet.h"

namespace millrace::test {

struct ClipOptions {
  int width = 320;
  int height = 180;
  int frames = 90;
  int gop = 30;
  int b_frames = 0;
  Rational frame_rate{30, 1};
  MediaTime start = std::chrono::hours(1);
  SegmentNumber first_segment = 100;
  /// Zero: each key frame opens a segment. Else each picture whose number divides by it does.
  int open_every = 0;
};

/// Moving bars; every key frame opens a segment.
std::vector<EncodedPacket> make_clip(const ClipOptions& options);

}  // namespace millrace::test
