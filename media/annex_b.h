#pragma once
// A picture with start codes (Annex B of H.264 and HEVC) as one with lengths, and its parameter
// sets beside it. Input from outside: bounded by its own size. Any thread.
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "media/track_info.h"

namespace millrace {

struct AnnexBPicture {
  /// NAL units with 4-byte lengths. Without delimiters and filler, which nobody downstream wants,
  /// and without parameter sets, which stand in the track's configuration.
  Bytes payload;
  /// Views into the input.
  std::vector<std::span<const std::uint8_t>> vps;  ///< HEVC only.
  std::vector<std::span<const std::uint8_t>> sps;
  std::vector<std::span<const std::uint8_t>> pps;
  bool is_random_access = false;  ///< An IDR picture of H.264, an IRAP picture of HEVC.
};

/// `codec`: kH264 or kHevc. One copy of the picture, two walks over it.
AnnexBPicture parse_annex_b(Codec codec, std::span<const std::uint8_t> bytes);

}  // namespace millrace
