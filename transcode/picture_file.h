#pragma once
// Reads a picture from a PNG or JPEG file: the slate that is shown when a source is away.
//
// Thread: any; blocks on the disk. In the worker only.
#include <string>

#include "base/result.h"
#include "transcode/frame.h"

namespace millrace::transcode {

/// 8-bit 4:2:0 in these colours, of the size asked for (both even): the whole picture in its
/// proportions, black around it. At most 32 MiB of file; kUnsupported where it is neither PNG nor
/// JPEG.
Result<FramePointer> load_picture(const std::string& path, int width, int height,
                                  const Colour& colour);

}  // namespace millrace::transcode
