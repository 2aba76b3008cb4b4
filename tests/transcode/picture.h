#pragma once
// Raw pictures made on the spot, as a decoder would hand them on.
#include "transcode/frame.h"

namespace millrace::test {

/// Bars that move with `number`, in 8-bit 4:2:0.
transcode::FramePointer make_picture(int width, int height, int number);

/// A track of this rate whose pictures these could be.
std::shared_ptr<const TrackInfo> picture_track(int width, int height, Rational frame_rate);

/// Picture `number` of the grid from one hour on; it opens no segment.
transcode::Frame make_frame(const std::shared_ptr<const TrackInfo>& track, int number);

}  // namespace millrace::test
