#pragma once
// From the signal of high dynamic range to that of standard range, in single precision: what a
// tone mapper's table is made of. Pure; any thread.
#include <array>

#include "media/track_info.h"

namespace millrace::transcode {

/// BT.2408-7 2.2: HDR reference white, in cd/m². Standard range ends there: mid-tones stay what
/// they are, and what is brighter shares the top of the range with it.
inline constexpr float kReferenceWhite = 203;

class ToneCurve {
 public:
  using Rgb = std::array<float, 3>;

  /// `colour`: of PQ or HLG. `peak`: of the brightest that is shown, in cd/m².
  ToneCurve(const Colour& colour, float peak);

  /// Non-linear R'G'B', 0 to 1, to non-linear R'G'B' of BT.709 for a display of BT.1886.
  Rgb to_sdr(const Rgb& signal) const;

 private:
  Rgb light_of(const Rgb& signal) const;
  float compressed(float luminance) const;

  // Between steps it is as good as straight: 1e-5 of the light off at most where it matters.
  static constexpr int kSteps = 4096;

  bool is_hlg_;
  bool has_wide_gamut_;
  float peak_signal_;   ///< Of the peak, by PQ.
  float white_signal_;  ///< Of reference white, over the peak's.
  float knee_;          ///< Over the peak's; below it nothing changes.
  float knee_luminance_;
  std::array<float, kSteps + 2> light_;  ///< Of signals: PQ's of the display, HLG's of the scene.
};

}  // namespace millrace::transcode
