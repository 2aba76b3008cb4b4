#include "ingest/timeline/closed_captions.h"

#include <algorithm>
#include <iterator>

namespace millrace::ingest {
namespace {

// user_data_registered_itu_t_t35: country USA, provider ATSC, "GA94", cc_data (A/53 table 6.7).
constexpr std::uint8_t kCaptionData[] = {0xb5, 0x00, 0x31, 'G', 'A', '9', '4', 0x03};

/// Supplemental enhancement information in front of the slices: ISO/IEC 14496-10 table 7-1,
/// 23008-2 table 7-1.
bool is_enhancement(Codec codec, std::uint8_t first_byte) {
  if (codec == Codec::kH264) return (first_byte & 31) == 6;
  return codec == Codec::kHevc && (first_byte >> 1 & 63) == 39;
}

}  // namespace

bool carries_closed_captions(Codec codec, std::span<const std::uint8_t> access_unit) {
  if (codec != Codec::kH264 && codec != Codec::kHevc) return false;
  while (access_unit.size() > 4) {
    const std::size_t length = static_cast<std::size_t>(access_unit[0]) << 24 |
                               static_cast<std::size_t>(access_unit[1]) << 16 |
                               static_cast<std::size_t>(access_unit[2]) << 8 | access_unit[3];
    if (length == 0 || length > access_unit.size() - 4) return false;
    const auto unit = access_unit.subspan(4, length);
    if (is_enhancement(codec, unit[0]) &&
        std::search(unit.begin(), unit.end(), std::begin(kCaptionData), std::end(kCaptionData)) !=
            unit.end())
      return true;
    access_unit = access_unit.subspan(4 + length);
  }
  return false;
}

}  // namespace millrace::ingest
