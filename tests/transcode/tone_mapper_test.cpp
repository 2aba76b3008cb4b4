#include "transcode/tone_mapper.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

extern "C" {
#include <libavutil/mastering_display_metadata.h>
}

using namespace millrace;
using namespace millrace::transcode;

namespace {

constexpr Colour kPq{.primaries = 9, .transfer = 16, .matrix = 9};
constexpr Colour kHlg{.primaries = 9, .transfer = 18, .matrix = 9};
using Code = std::array<double, 3>;  ///< Y', Cb, Cr.

FramePointer allocated(AVPixelFormat format, int width, int height) {
  FramePointer picture(av_frame_alloc());
  picture->format = format;
  picture->width = width;
  picture->height = height;
  REQUIRE(av_frame_get_buffer(picture.get(), 0) == 0);
  return picture;
}

/// `value_of`: of a plane, column and line.
template <typename ValueOf>
FramePointer deep(int width, int height, ValueOf value_of) {
  FramePointer picture = allocated(AV_PIX_FMT_YUV420P10, width, height);
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < (plane ? height / 2 : height); ++y)
      for (int x = 0; x < (plane ? width / 2 : width); ++x)
        reinterpret_cast<std::uint16_t*>(picture->data[plane] + y * picture->linesize[plane])[x] =
            static_cast<std::uint16_t>(value_of(plane, x, y));
  return picture;
}

FramePointer flat(std::array<int, 3> codes) {
  return deep(16, 2, [&](int plane, int, int) { return codes[static_cast<std::size_t>(plane)]; });
}

std::array<int, 3> mapped(ToneMapper& mapper, const AVFrame& picture, const Colour& colour) {
  const auto output = mapper.map(picture, colour);
  REQUIRE(output);
  return {output->data[0][0], output->data[1][0], output->data[2][0]};
}

// --- In double precision, and in the words of the specifications ---------------------------------

double pq_eotf(double signal) {  // BT.2100-2 Table 4.
  const double power = std::pow(signal, 1 / 78.84375);
  return 10'000 * std::pow(std::max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power),
                           1 / 0.1593017578125);
}

double pq_inverse(double luminance) {
  const double power = std::pow(luminance / 10'000, 0.1593017578125);
  return std::pow((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 78.84375);
}

double hlg_grey(double signal) {  // BT.2100-2 Table 5; grey is its own luminance.
  const double scene = signal <= 0.5
                           ? signal * signal / 3
                           : (std::exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12;
  return 1000 * std::pow(scene, 1.2);
}

double eetf(double luminance, double peak) {  // BT.2390 5.4.
  const double top = pq_inverse(peak), white = pq_inverse(203) / top;
  const double knee = 1.5 * white - 0.5, signal = std::min(1.0, pq_inverse(luminance) / top);
  if (signal < knee) return luminance;
  const double t = (signal - knee) / (1 - knee);
  return pq_eotf(top *
                 ((2 * t * t * t - 3 * t * t + 1) * knee +
                  (t * t * t - 2 * t * t + t) * (1 - knee) + (-2 * t * t * t + 3 * t * t) * white));
}

double luma_of_grey(double code, const Colour& colour, double peak) {
  const double signal = colour.is_full_range ? code / 1023 : (code - 64) / 876;
  const double clipped = std::clamp(signal, 0.0, 1.0);
  const double light = colour.transfer == 16 ? pq_eotf(clipped) : hlg_grey(clipped);
  return 16 + 219 * std::min(1.0, std::pow(eetf(light, peak) / 203, 1 / 2.4));
}

/// What a code becomes without a table.
Code exact(const std::array<int, 3>& code) {
  const double luma = (code[0] - 64) / 876.0;
  const double red = luma + 1.4746 * (code[2] - 512) / 896.0;
  const double blue = luma + 1.8814 * (code[1] - 512) / 896.0;
  const double green = (luma - 0.2627 * red - 0.0593 * blue) / 0.678;
  const auto sdr = ToneCurve(kPq, 1000).to_sdr(
      {static_cast<float>(red), static_cast<float>(green), static_cast<float>(blue)});
  const double value = 0.2126 * sdr[0] + 0.7152 * sdr[1] + 0.0722 * sdr[2];
  return {16 + 219 * value, 128 + 224 * (sdr[2] - value) / 1.8556,
          128 + 224 * (sdr[0] - value) / 1.5748};
}

/// 10-bit BT.2020 and PQ of R'G'B' of BT.709 whose white is 203 cd/m².
std::array<int, 3> code_of_bt709(double red, double green, double blue) {
  constexpr double kMatrix[3][3] = {{0.6274, 0.3293, 0.0433},  // BT.2087-0 2.4.
                                    {0.0691, 0.9195, 0.0114},
                                    {0.0164, 0.0880, 0.8956}};
  const double light[3] = {std::pow(red, 2.4), std::pow(green, 2.4), std::pow(blue, 2.4)};
  double signal[3];
  for (int i = 0; i < 3; ++i)
    signal[i] = pq_inverse(
        203 * (kMatrix[i][0] * light[0] + kMatrix[i][1] * light[1] + kMatrix[i][2] * light[2]));
  const double luma = 0.2627 * signal[0] + 0.678 * signal[1] + 0.0593 * signal[2];
  return {static_cast<int>(std::lround(64 + 876 * luma)),
          static_cast<int>(std::lround(512 + 896 * (signal[2] - luma) / 1.8814)),
          static_cast<int>(std::lround(512 + 896 * (signal[0] - luma) / 1.4746))};
}

}  // namespace

TEST_CASE("each code of grey is what the specifications make of it, and grey", "[tone]") {
  constexpr int kCodes = 1024;
  const auto ramp = deep(kCodes, 2, [](int plane, int x, int) { return plane == 0 ? x : 512; });
  for (const Colour& colour : {kPq, kHlg, Colour{9, 16, 9, true}, Colour{9, 18, 9, true}}) {
    CAPTURE(colour.transfer, colour.is_full_range);
    const auto output = ToneMapper(kCodes, 2).map(*ramp, colour);
    REQUIRE(output);
    double worst = 0;
    for (int code = 0; code < kCodes; ++code)
      worst = std::max(worst, std::abs(output->data[0][code] - luma_of_grey(code, colour, 1000)));
    CHECK(worst < 0.8);  // 0.5 of it is rounding.
    for (int x = 0; x < kCodes / 2; ++x) {
      REQUIRE(output->data[1][x] == 128);
      REQUIRE(output->data[2][x] == 128);
    }
  }
}

TEST_CASE("primaries and their mixtures are where double precision has them", "[tone]") {
  ToneMapper mapper(16, 2);
  double sum = 0, largest = 0, largest_inside = 0;
  int count = 0;
  // Of BT.709, as a display shows them, at several levels and saturations.
  for (const double level : {0.3, 0.5, 0.7, 0.85}) {
    for (const double rest : {0.0, 0.1, 0.2, 0.4, 0.6, 0.8}) {
      for (int mixture = 1; mixture < 7; ++mixture) {
        const auto part = [&](int bit) { return (mixture & bit) != 0 ? level : rest * level; };
        const auto code = code_of_bt709(part(1), part(2), part(4));
        const auto got = mapped(mapper, *flat(code), kPq);
        const Code expected = exact(code);
        for (std::size_t i = 0; i < 3; ++i) {
          const double error = std::abs(got[i] - expected[i]);
          sum += error;
          ++count;
          largest = std::max(largest, error);
          if (rest >= 0.4) largest_inside = std::max(largest_inside, error);
        }
      }
    }
  }
  CAPTURE(sum / count, largest, largest_inside);
  CHECK(sum / count < 1.5);
  CHECK(largest_inside < 4.5);
  // At the edge of BT.709 a channel ends, where its power of 1/2.4 is steepest: there one code of
  // the source is worth as much.
  CHECK(largest < 18);
}

TEST_CASE("vectors make the same pictures as the scalar code", "[tone]") {
  std::mt19937 random(1);
  for (const int width : {2, 14, 16, 18, 66, 128}) {
    CAPTURE(width);
    // Codes beyond ten bits too: a decoder's mistake must not be read as a place in memory.
    const auto picture =
        deep(width, 16, [&](int, int, int) { return random() % 3 ? random() % 1024 : random(); });
    ToneMapper vectors(width, 16), scalar(width, 16, false);
    for (const Colour& colour : {kPq, kHlg}) {
      const auto a = vectors.map(*picture, colour), b = scalar.map(*picture, colour);
      for (int plane = 0; plane < 3; ++plane)
        for (int y = 0; y < (plane ? 8 : 16); ++y)
          REQUIRE(std::equal(a->data[plane] + y * a->linesize[plane],
                             a->data[plane] + y * a->linesize[plane] + (plane ? width / 2 : width),
                             b->data[plane] + y * b->linesize[plane]));
    }
  }
}

TEST_CASE("pictures say how bright they are, and that they are BT.709 behind it", "[tone]") {
  ToneMapper mapper(16, 2);
  const std::array<int, 3> white{580, 512, 512};  // 214 cd/m².
  const auto plain = flat(white), dim = flat(white);
  av_content_light_metadata_create_side_data(dim.get())->MaxCLL = 203;
  CHECK(mapped(mapper, *plain, kPq)[0] == Approx(luma_of_grey(580, kPq, 1000)).margin(0.8));
  CHECK(mapped(mapper, *plain, kPq)[0] < 225);
  CHECK(mapped(mapper, *dim, kPq)[0] == 235);
  const auto output = mapper.map(*dim, kPq);
  CHECK(output->format == AV_PIX_FMT_YUV420P);
  CHECK(output->color_primaries == AVCOL_PRI_BT709);
  CHECK(output->color_trc == AVCOL_TRC_BT709);
  CHECK(output->colorspace == AVCOL_SPC_BT709);
  CHECK(output->color_range == AVCOL_RANGE_MPEG);
  CHECK(output->nb_side_data == 0);
}

TEST_CASE("each picture is mapped by its own transfer", "[tone]") {
  ToneMapper mapper(16, 2);
  const auto picture = flat({573, 512, 512});
  for (int i = 0; i < 2; ++i)
    for (const Colour& colour : {kPq, kHlg})
      CHECK(mapped(mapper, *picture, colour)[0] ==
            Approx(luma_of_grey(573, colour, 1000)).margin(0.8));
}

TEST_CASE("other formats and sizes are scaled to 10-bit 4:2:0 first", "[tone]") {
  ToneMapper mapper(16, 2);
  const double expected = luma_of_grey(600, kPq, 1000);
  const auto large = deep(64, 36, [](int plane, int, int) { return plane == 0 ? 600 : 512; });
  CHECK(mapped(mapper, *large, kPq)[0] == Approx(expected).margin(1.5));
  const auto shallow = allocated(AV_PIX_FMT_YUV422P, 31, 17);
  for (int plane = 0; plane < 3; ++plane)
    std::fill_n(shallow->data[plane], shallow->linesize[plane] * 17,
                static_cast<std::uint8_t>(plane == 0 ? 150 : 128));
  CHECK(mapped(mapper, *shallow, kPq)[0] == Approx(expected).margin(1.5));
  const FramePointer unknown(av_frame_alloc());
  unknown->format = AV_PIX_FMT_VAAPI;
  unknown->width = unknown->height = 16;
  CHECK_FALSE(mapper.map(*unknown, kPq));
}
