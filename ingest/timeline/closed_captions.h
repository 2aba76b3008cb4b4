#pragma once
// Whether a picture carries CEA-608/708 closed captions beside its slices (ATSC A/53 part
// 4, 6.2.3), which the presentation has to declare. Input from outside: bounded, never trusted. Any
// thread.
#include <cstdint>
#include <span>

#include "media/track_info.h"

namespace millrace::ingest {

/// Of H.264 and HEVC, NAL units with 4-byte lengths; false for other codecs.
bool carries_closed_captions(Codec codec, std::span<const std::uint8_t> access_unit);

}  // namespace millrace::ingest
