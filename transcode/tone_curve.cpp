#include "transcode/tone_curve.h"

#include <algorithm>
#include <cmath>

extern "C" {
#include <libavutil/pixfmt.h>
}

namespace millrace::transcode {
namespace {

// BT.2100-2 Table 4 (SMPTE ST 2084).
constexpr float kM1 = 2610.0f / 16384, kM2 = 2523.0f / 4096 * 128;
constexpr float kC1 = 3424.0f / 4096, kC2 = 2413.0f / 4096 * 32, kC3 = 2392.0f / 4096 * 32;
constexpr float kPqPeak = 10'000;  // cd/m²

// BT.2100-2 Table 5: HLG's inverse OETF, and the OOTF of a display of 1000 cd/m².
constexpr float kA = 0.17883277f, kB = 1 - 4 * kA;
constexpr float kHlgPeak = 1000;
constexpr float kHlgGamma = 1.2f;

// BT.2020-2 Table 4, BT.2100-2 Table 5: luminance.
constexpr float kRed = 0.2627f, kGreen = 0.6780f, kBlue = 0.0593f;

// BT.2407-0 2: linear BT.2020 to BT.709.
constexpr float kToBt709[3][3] = {
    {1.6605f, -0.5876f, -0.0728f}, {-0.1246f, 1.1329f, -0.0083f}, {-0.0182f, -0.1006f, 1.1187f}};

// BT.1886 Annex 1, of a display whose black is none.
constexpr float kDisplayGamma = 2.4f;

float pq_luminance(float signal) {
  const float power = std::pow(signal, 1 / kM2);
  return kPqPeak * std::pow(std::max(power - kC1, 0.0f) / (kC2 - kC3 * power), 1 / kM1);
}

float pq_signal(float luminance) {
  const float power = std::pow(luminance / kPqPeak, kM1);
  return std::pow((kC1 + kC2 * power) / (1 + kC3 * power), kM2);
}

float hlg_scene(float signal) {
  static const float c = 0.5f - kA * std::log(4 * kA);
  return signal <= 0.5f ? signal * signal / 3 : (std::exp((signal - c) / kA) + kB) / 12;
}

}  // namespace

ToneCurve::ToneCurve(const Colour& colour, float peak)
    : is_hlg_(colour.transfer == AVCOL_TRC_ARIB_STD_B67),
      has_wide_gamut_(colour.primaries != AVCOL_PRI_BT709),
      peak_signal_(pq_signal(std::max(peak, kReferenceWhite))),
      white_signal_(pq_signal(kReferenceWhite) / peak_signal_),
      knee_(1.5f * white_signal_ - 0.5f),
      knee_luminance_(pq_luminance(knee_ * peak_signal_)) {
  for (std::size_t i = 0; i < light_.size(); ++i) {
    const float signal = std::min(static_cast<float>(i) / kSteps, 1.0f);
    light_[i] = is_hlg_ ? hlg_scene(signal) : pq_luminance(signal);
  }
}

ToneCurve::Rgb ToneCurve::light_of(const Rgb& signal) const {
  Rgb light{};
  for (std::size_t i = 0; i < 3; ++i) {
    const float place = std::clamp(signal[i], 0.0f, 1.0f) * kSteps;
    const auto step = static_cast<std::size_t>(place);
    const float rest = place - static_cast<float>(step);
    light[i] = light_[step] + rest * (light_[step + 1] - light_[step]);
  }
  if (!is_hlg_) return light;
  const float scene = kRed * light[0] + kGreen * light[1] + kBlue * light[2];
  const float gain = scene > 0 ? kHlgPeak * std::pow(scene, kHlgGamma - 1) : 0;
  for (float& value : light) value *= gain;
  return light;
}

/// BT.2390 5.4, the EETF, from a black of none to a black of none.
float ToneCurve::compressed(float luminance) const {
  if (luminance <= knee_luminance_ || knee_ >= 1) return luminance;
  const float signal = std::min(pq_signal(luminance) / peak_signal_, 1.0f);
  const float t = (signal - knee_) / (1 - knee_);
  const float t2 = t * t, t3 = t2 * t;
  const float mapped = (2 * t3 - 3 * t2 + 1) * knee_ + (t3 - 2 * t2 + t) * (1 - knee_) +
                       (-2 * t3 + 3 * t2) * white_signal_;
  return pq_luminance(mapped * peak_signal_);
}

ToneCurve::Rgb ToneCurve::to_sdr(const Rgb& signal) const {
  Rgb light = light_of(signal);
  // By the brightest of the three, all by the same factor: a colour keeps its hue, and none passes
  // the range.
  const float brightest = std::max({light[0], light[1], light[2]});
  if (brightest <= 0) return {};
  const float gain = compressed(brightest) / brightest / kReferenceWhite;
  Rgb sdr{};
  for (std::size_t i = 0; i < 3; ++i) {
    float value = light[i];
    if (has_wide_gamut_)
      value = kToBt709[i][0] * light[0] + kToBt709[i][1] * light[1] + kToBt709[i][2] * light[2];
    sdr[i] = std::pow(std::clamp(value * gain, 0.0f, 1.0f), 1 / kDisplayGamma);
  }
  return sdr;
}

}  // namespace millrace::transcode
