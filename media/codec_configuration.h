#pragma once
// Reads codec configuration records, so that ingest knows a track's parameters and the packager can
// name them. Every input is from outside: bounded, never trusted. Any thread.
#include <span>

#include "base/result.h"
#include "media/track_info.h"

namespace millrace {

/// Body of avcC (ISO/IEC 14496-15 5.3.3.1): a video track with the first SPS' size (cropped),
/// aspect ratio, colour and, where its VUI says so, frame rate. Lengths other than 4 bytes:
/// kUnsupported.
Result<TrackInfo> parse_avc_configuration(Bytes avcc);
/// Body of hvcC (ISO/IEC 14496-15 8.3.3.1).
Result<TrackInfo> parse_hevc_configuration(Bytes hvcc);
/// Body of av1C (AV1-ISOBMFF 2.3): needs the sequence header OBU in configOBUs.
Result<TrackInfo> parse_av1_configuration(Bytes av1c);
/// AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): AAC-LC, HE-AAC v1/v2 (output rate and channels).
Result<TrackInfo> parse_aac_configuration(Bytes audio_specific_config);

}  // namespace millrace
