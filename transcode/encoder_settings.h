#pragma once
// What a profile sets (shared by every rung) and what it costs in latency. Pure; any thread.
#include "media/track_info.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

struct EncoderSettings {
  const char* preset = "superfast";
  bool is_zero_latency = true;
  int lookahead_frames = 0;
  int b_frames = 0;  ///< At most, one behind the other; none refers to another.
  /// Pictures that the encoder holds back before it returns the first.
  int delay_frames = 0;
  /// All pictures are the same one, and none is waited for.
  bool is_still = false;
};

/// Balanced: superfast with five frames of lookahead and one B-frame has better pictures than
/// veryfast zerolatency at 0.7 of its cost. Quality: veryfast, ten frames, up to three B-frames.
/// Each where its frames last less than `part_target`, else the next one down; realtime is
/// zerolatency. HEVC and AV1 know their fastest only, without delay.
EncoderSettings encoder_settings(Profile profile, const VideoParameters& source,
                                 MediaTime part_target, Codec codec = Codec::kH264);

/// The longest that a picture of the source lasts: 1/25 s where nothing is known.
MediaTime frame_duration(const VideoParameters& source);

}  // namespace millrace::transcode
