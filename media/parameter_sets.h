#pragma once
// Sequence headers of H.264, HEVC and AV1: what a decoder would show. Input from outside: bounded,
// never trusted. Any thread.
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "media/track_info.h"

namespace millrace {

/// The bytes of a NAL unit without emulation prevention (ISO/IEC 14496-10 7.3.1).
std::vector<std::uint8_t> without_emulation_prevention(std::span<const std::uint8_t> nal_unit);

/// A whole NAL unit of type 7, header byte included.
Result<VideoParameters> parse_h264_sequence(std::span<const std::uint8_t> nal_unit);
/// A whole NAL unit of type 33, two header bytes included.
Result<VideoParameters> parse_hevc_sequence(std::span<const std::uint8_t> nal_unit);
/// The payload of a sequence header OBU.
Result<VideoParameters> parse_av1_sequence(std::span<const std::uint8_t> payload);

}  // namespace millrace
