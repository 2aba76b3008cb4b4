#pragma once
// Sequence headers of H.264, HEVC and AV1: what a decoder would show. Input from outside: bounded,
// never trusted. Any thread.
#include <cstdint>
#include <optional>
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
/// By how many pictures the order of decoding may differ from that of showing (ISO/IEC 14496-10
/// E.2.1, max_num_reorder_frames; 23008-2 7.4.3.2.1, sps_max_num_reorder_pics). Nothing where it is
/// not said, or cannot be read. NAL units as above.
std::optional<int> h264_reorder_depth(std::span<const std::uint8_t> nal_unit);
std::optional<int> hevc_reorder_depth(std::span<const std::uint8_t> nal_unit);

/// The payload of a sequence header OBU.
Result<VideoParameters> parse_av1_sequence(std::span<const std::uint8_t> payload);

/// What av1C repeats of a sequence header.
struct Av1Format {
  std::uint32_t profile = 0;
  std::uint32_t level = 0;  ///< seq_level_idx[0]
  std::uint32_t tier = 0;
  bool is_high_bit_depth = false;
  bool is_monochrome = false;
  std::uint32_t chroma_position = 0;  ///< chroma_sample_position, of 4:2:0.
};
/// The payload of a sequence header OBU.
Result<Av1Format> parse_av1_format(std::span<const std::uint8_t> payload);

}  // namespace millrace
