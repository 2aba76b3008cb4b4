#include "transcode/hdr.h"

#include <algorithm>

extern "C" {
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/mathematics.h>
#include <libavutil/pixfmt.h>
}

namespace millrace::transcode {
namespace {

// BT.2100 Table 5: the display of which HLG's gamma of 1.2 is true, and the one on which most is
// graded.
constexpr float kUsualPeak = 1000;
// BT.2100 Table 4: the end of PQ.
constexpr float kHighestPeak = 10'000;

bool is_between(std::int64_t value, std::int64_t lowest, std::int64_t highest) {
  return value >= lowest && value <= highest;
}

/// -1 where there is no such number.
std::int64_t in_units(AVRational value, std::int64_t units_per_one) {
  if (value.den <= 0 || value.num < 0) return -1;
  return av_rescale(value.num, units_per_one, value.den);
}

std::optional<HdrMetadata::Display::Point> point_of(const AVRational (&point)[2]) {
  const auto x = in_units(point[0], 50'000), y = in_units(point[1], 50'000);
  if (!is_between(x, 0, 50'000) || !is_between(y, 0, 50'000)) return std::nullopt;
  return HdrMetadata::Display::Point{static_cast<int>(x), static_cast<int>(y)};
}

std::optional<HdrMetadata::Display> display_of(const AVMasteringDisplayMetadata& told) {
  if (!told.has_primaries || !told.has_luminance) return std::nullopt;
  HdrMetadata::Display display;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto point = point_of(told.display_primaries[i]);
    if (!point) return std::nullopt;
    display.primaries[i] = *point;
  }
  const auto white = point_of(told.white_point);
  if (!white) return std::nullopt;
  display.white = *white;
  display.highest = in_units(told.max_luminance, 10'000);
  display.lowest = in_units(told.min_luminance, 10'000);
  const bool is_sane =
      is_between(display.highest, 10'000, static_cast<std::int64_t>(kHighestPeak) * 10'000) &&
      is_between(display.lowest, 0, display.highest - 1);
  return is_sane ? std::optional(display) : std::nullopt;
}

std::optional<HdrMetadata::Light> light_of(const AVContentLightMetadata& told) {
  constexpr unsigned kHighest = 65'535;  // D.2.35: u(16).
  if (told.MaxCLL == 0 || told.MaxCLL > kHighest || told.MaxFALL > kHighest) return std::nullopt;
  return HdrMetadata::Light{static_cast<int>(told.MaxCLL), static_cast<int>(told.MaxFALL)};
}

}  // namespace

bool is_hdr(const Colour& colour) {
  return colour.transfer == AVCOL_TRC_SMPTE2084 || colour.transfer == AVCOL_TRC_ARIB_STD_B67;
}

bool keeps_hdr(const Rung& rung, const Colour& source) {
  return rung.hdr == HdrMode::kKeep && is_hdr(source);
}

Colour colour_of_rung(const Rung& rung, Colour source) {
  if (is_hdr(source) && !keeps_hdr(rung, source))
    return {.primaries = AVCOL_PRI_BT709, .transfer = AVCOL_TRC_BT709, .matrix = AVCOL_SPC_BT709};
  // FrameScaler makes BT.709 of RGB, which 4:2:0 cannot be.
  if (source.matrix == AVCOL_SPC_RGB) source.matrix = AVCOL_SPC_BT709;
  return source;
}

HdrMetadata hdr_metadata_of(const AVFrame& picture) {
  HdrMetadata metadata;
  if (const auto* const side =
          av_frame_get_side_data(&picture, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA))
    metadata.display = display_of(*reinterpret_cast<const AVMasteringDisplayMetadata*>(side->data));
  if (const auto* const side = av_frame_get_side_data(&picture, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL))
    metadata.light = light_of(*reinterpret_cast<const AVContentLightMetadata*>(side->data));
  return metadata;
}

float peak_luminance(const Colour& colour, const HdrMetadata& metadata) {
  // HLG's signal is relative to the display, whatever that is.
  if (colour.transfer != AVCOL_TRC_SMPTE2084) return kUsualPeak;
  // Content is seldom brighter than its display, and says so in vain where it is.
  float peak = metadata.display || metadata.light ? kHighestPeak : kUsualPeak;
  if (metadata.display)
    peak = std::min(peak, static_cast<float>(metadata.display->highest) / 10'000);
  if (metadata.light) peak = std::min(peak, static_cast<float>(metadata.light->highest));
  return peak;
}

}  // namespace millrace::transcode
