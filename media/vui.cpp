#include "media/vui.h"

#include <numeric>

namespace millrace {
namespace {

// Table E-1: aspect_ratio_idc 0 (unspecified) to 16.
constexpr Rational kAspectRatios[] = {{1, 1},   {1, 1},    {12, 11}, {10, 11}, {16, 11}, {40, 33},
                                      {24, 11}, {20, 11},  {32, 11}, {80, 33}, {18, 11}, {15, 11},
                                      {64, 33}, {160, 99}, {4, 3},   {3, 2},   {2, 1}};
constexpr std::uint32_t kExtendedAspectRatio = 255;
// Larger than any codec's highest level; a header that says more is garbage.
constexpr std::int64_t kLargestSide = 16384;

}  // namespace

bool is_sane_size(std::int64_t width, std::int64_t height) {
  return width > 0 && height > 0 && width <= kLargestSide && height <= kLargestSide;
}

void set_frame_rate(VideoParameters& video, std::uint64_t time_scale, std::uint64_t units) {
  if (units == 0 || time_scale < units || time_scale > 300 * units) return;
  const std::uint64_t divisor = std::gcd(time_scale, units);
  video.frame_rate = {static_cast<std::int64_t>(time_scale / divisor),
                      static_cast<std::int64_t>(units / divisor)};
}

void read_vui_picture(BitReader& bits, VideoParameters& video) {
  if (bits.read_flag()) {  // aspect_ratio_info_present_flag
    const std::uint32_t idc = bits.read(8);
    Rational ratio{1, 1};
    if (idc == kExtendedAspectRatio)
      ratio = {bits.read(16), bits.read(16)};
    else if (idc < std::size(kAspectRatios))
      ratio = kAspectRatios[idc];
    if (ratio.numerator > 0 && ratio.denominator > 0) video.sample_aspect_ratio = ratio;
  }
  if (bits.read_flag()) bits.read_flag();  // overscan_info
  if (bits.read_flag()) {                  // video_signal_type_present_flag
    bits.read(3);                          // video_format
    video.colour.is_full_range = bits.read_flag();
    if (bits.read_flag()) {  // colour_description_present_flag
      video.colour.primaries = static_cast<int>(bits.read(8));
      video.colour.transfer = static_cast<int>(bits.read(8));
      video.colour.matrix = static_cast<int>(bits.read(8));
    }
  }
  if (bits.read_flag()) {  // chroma_loc_info_present_flag
    bits.read_unsigned_golomb();
    bits.read_unsigned_golomb();
  }
}

}  // namespace millrace
