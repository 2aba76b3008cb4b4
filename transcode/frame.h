#pragma once
// A decoded or scaled picture and what came with its packet. Inside transcode/ only: no raw picture
// crosses a folder. Owned by one thread at a time; the planes are shared by reference count.
#include <chrono>
#include <memory>
#include <optional>

#include "media/media_time.h"
#include "media/track_info.h"

extern "C" {
#include <libavutil/frame.h>
}

namespace millrace::transcode {

struct FreeFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
using FramePointer = std::unique_ptr<AVFrame, FreeFrame>;

/// What a packet says of its picture; it follows the picture through every stage.
struct Picture {
  MediaTime pts{};
  MediaTime duration{};
  std::optional<SegmentNumber> opens_segment;
  bool starts_discontinuity = false;
  bool follows_gap = false;
  std::chrono::steady_clock::time_point received_at;
};

struct Frame {
  Picture picture;
  FramePointer planes;
  std::shared_ptr<const TrackInfo> source;  ///< What it was decoded from.
};

}  // namespace millrace::transcode
