#include "transcode/tone_curve.h"

#include <catch2/catch.hpp>
#include <cmath>

using millrace::Colour;
using millrace::transcode::ToneCurve;

namespace {

constexpr Colour kPq{.primaries = 9, .transfer = 16, .matrix = 9};
constexpr Colour kHlg{.primaries = 9, .transfer = 18, .matrix = 9};

double grey(const ToneCurve& curve, double value) {
  const auto signal = static_cast<float>(value);
  const auto sdr = curve.to_sdr({signal, signal, signal});
  // The matrix to BT.709 has four digits.
  CHECK(sdr[0] == Approx(sdr[1]).margin(2e-4));
  CHECK(sdr[2] == Approx(sdr[1]).margin(2e-4));
  return sdr[1];
}

/// Of a display of BT.1886 that shows `luminance` where standard range ends at 203 cd/m².
double display_signal(double luminance) {
  return std::pow(luminance / 203, 1 / 2.4);
}

}  // namespace

TEST_CASE("PQ's mid-tones are shown as they are", "[tone]") {
  const ToneCurve curve(kPq, 1000);
  // BT.2408-7 Table 1: an 18 % grey card is 26 cd/m² and 38 % of PQ.
  CHECK(grey(curve, 0.38) == Approx(display_signal(26)).margin(3e-3));
  CHECK(grey(curve, 0.508078) == Approx(display_signal(100)).margin(1e-2));  // ST 2084.
  CHECK(grey(curve, 0) == 0);
}

TEST_CASE("the peak is white, and what is brighter is too", "[tone]") {
  // SMPTE ST 2084: 1000 cd/m² is 0.7518, 4000 is 0.9026.
  CHECK(grey(ToneCurve(kPq, 1000), 0.75183) == Approx(1).margin(2e-4));
  CHECK(grey(ToneCurve(kPq, 1000), 1) == Approx(1).margin(2e-4));
  CHECK(grey(ToneCurve(kPq, 4000), 0.90257) == Approx(1).margin(2e-4));
  CHECK(grey(ToneCurve(kPq, 4000), 0.75183) < 0.99);
}

TEST_CASE("reference white stays below the highlights, by what the peak is", "[tone]") {
  constexpr double kWhite = 0.58069;  // 203 cd/m² by ST 2084.
  CHECK(grey(ToneCurve(kPq, 203), kWhite) == Approx(1).margin(2e-4));
  const double at_1000 = grey(ToneCurve(kPq, 1000), kWhite);
  CHECK(at_1000 > 0.88);
  CHECK(at_1000 < 0.95);
  CHECK(grey(ToneCurve(kPq, 4000), kWhite) < at_1000);
}

TEST_CASE("brighter never becomes darker", "[tone]") {
  for (const int peak : {203, 400, 1000, 4000, 10'000})
    for (const Colour& colour : {kPq, kHlg}) {
      const ToneCurve curve(colour, static_cast<float>(peak));
      double before = 0;
      for (int code = 0; code <= 1000; ++code) {
        const double now = grey(curve, code / 1000.0);
        REQUIRE(now > before - 1e-5);  // Where it ends, digits are all that changes.
        before = now;
      }
    }
}

TEST_CASE("HLG's reference white is PQ's, and so is its peak", "[tone]") {
  // BT.2408-7 Table 1: 75 % of HLG is 203 cd/m² on a display of 1000, as 58 % of PQ is.
  CHECK(grey(ToneCurve(kHlg, 1000), 0.75) ==
        Approx(grey(ToneCurve(kPq, 1000), 0.58069)).margin(1e-3));
  CHECK(grey(ToneCurve(kHlg, 1000), 1) == Approx(1).margin(2e-4));
}

TEST_CASE("a colour of BT.709 keeps its hue, one beyond it is cut off", "[tone]") {
  const ToneCurve curve(kPq, 1000);
  // BT.709's red at 100 cd/m² in BT.2020 (BT.2087-0 Table 1): 62.74, 6.91 and 1.64 cd/m².
  const auto pq = [](double luminance) {
    const double power = std::pow(luminance / 10'000, 0.1593017578125);
    return static_cast<float>(
        std::pow((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 78.84375));
  };
  const auto red = curve.to_sdr({pq(62.74), pq(6.91), pq(1.64)});
  CHECK(red[0] == Approx(display_signal(100)).margin(2e-3));
  CHECK(red[1] < 0.05);
  CHECK(red[2] < 0.05);
  const auto green = curve.to_sdr({0, 0.5f, 0});
  CHECK(green[0] == 0);
  CHECK(green[2] == 0);
  CHECK(green[1] > 0.6);
}
