#pragma once
// Walks a picture's NAL units with 4-byte lengths, as RTMP carries them. Any thread.
#include "base/bytes.h"
#include "base/result.h"
#include "media/track_info.h"

namespace millrace::ingest {

/// Whether decoding can start at this picture: an IDR of H.264, an IRAP picture of HEVC. Other
/// codecs are a bug. kInvalidData: the lengths do not add up.
Result<bool> is_random_access_picture(Codec codec, const Bytes& payload);

}  // namespace millrace::ingest
