#pragma once
// The beginning of H.264's and HEVC's video usability information, which both share
// (ISO/IEC 14496-10 E.1.1, 23008-2 E.2.1). Private to the parameter set parsers.
#include "media/bit_reader.h"
#include "media/track_info.h"

namespace millrace {

/// aspect_ratio_info up to and with chroma_loc_info.
void read_vui_picture(BitReader& bits, VideoParameters& video);

/// 1 to 300 frames per second, or nothing is set.
void set_frame_rate(VideoParameters& video, std::uint64_t time_scale, std::uint64_t units);

/// Kept only where a picture of this size can be.
bool is_sane_size(std::int64_t width, std::int64_t height);

}  // namespace millrace
