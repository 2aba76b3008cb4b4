#include "transcode/tone_mapper.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "transcode/hdr.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

extern "C" {
#include <libavutil/pixfmt.h>
}

namespace millrace::transcode {
namespace {

constexpr int kLargestCode = 1023;
constexpr int kCellBits = ToneTable::kCellBits;
constexpr int kWhole = 1 << kCellBits;
constexpr int kResultBits = ToneTable::kFractionBits + kCellBits;
constexpr int kRounding = 1 << (kResultBits - 1);
constexpr int kAllSteps = 1 + ToneTable::kCbStep + ToneTable::kCrStep;

/// Weights of R'G'B' in Y'.
struct Weights {
  float red, green, blue;
};
constexpr Weights kBt709{0.2126f, 0.7152f, 0.0722f};   // BT.709-6 3.2.
constexpr Weights kBt2020{0.2627f, 0.6780f, 0.0593f};  // BT.2020-2 Table 4.

/// BT.2100-2 Tables 6 and 9; matrices other than BT.709's are taken for BT.2020's.
ToneCurve::Rgb rgb_of(int y, int cb, int cr, const Colour& colour) {
  const float black = colour.is_full_range ? 0 : 64;
  const float luma_range = colour.is_full_range ? 1023 : 876;
  const float chroma_range = colour.is_full_range ? 1023 : 896;
  const float luma = (static_cast<float>(y) - black) / luma_range;
  const Weights& w = colour.matrix == AVCOL_SPC_BT709 ? kBt709 : kBt2020;
  const float red = luma + 2 * (1 - w.red) * static_cast<float>(cr - 512) / chroma_range;
  const float blue = luma + 2 * (1 - w.blue) * static_cast<float>(cb - 512) / chroma_range;
  return {red, (luma - w.red * red - w.blue * blue) / w.green, blue};
}

std::uint32_t fixed(float value) {
  return static_cast<std::uint32_t>(std::lround(value * (1 << ToneTable::kFractionBits)));
}

/// Two lines of luma and their line of chroma.
struct Lines {
  std::array<const std::uint16_t*, 2> luma;
  const std::uint16_t *cb, *cr;
  std::array<std::uint8_t*, 2> mapped_luma;
  std::uint8_t *mapped_cb, *mapped_cr;
  int width;  ///< Of chroma.
};

/// The corners of the tetrahedron around a colour, and their weights. The way from the cell's
/// first corner to its last goes along the axis of the largest fraction first (Kasson et al.,
/// 1995).
struct Corners {
  std::array<int, 4> at;
  std::array<int, 4> weights;
};

/// A decoder's mistake must not become a place outside the table.
int sample(std::uint16_t code) {
  return std::min<int>(code, kLargestCode);
}

Corners corners_of(int y, int cb, int cr) {
  const int of_y = y & (kWhole - 1), of_cb = cb & (kWhole - 1), of_cr = cr & (kWhole - 1);
  const int high = std::max(of_cb, of_cr), low = std::min(of_cb, of_cr);
  const int high_step = of_cb > of_cr ? ToneTable::kCbStep : ToneTable::kCrStep;
  const int low_step = ToneTable::kCbStep + ToneTable::kCrStep - high_step;
  const int largest = std::max(of_y, high), smallest = std::min(of_y, low);
  const int middle = of_y + high + low - largest - smallest;
  const int first = (y >> kCellBits) + (cb >> kCellBits) * ToneTable::kCbStep +
                    (cr >> kCellBits) * ToneTable::kCrStep;
  return {.at = {first, first + (of_y > high ? 1 : high_step),
                 first + kAllSteps - (of_y < low ? 1 : low_step), first + kAllSteps},
          .weights = {kWhole - largest, largest - middle, middle - smallest, smallest}};
}

template <typename ValueAt>
std::uint8_t interpolated(const Corners& corners, ValueAt value_at) {
  std::uint32_t sum = kRounding;
  for (std::size_t i = 0; i < 4; ++i)
    sum += static_cast<std::uint32_t>(corners.weights[i]) *
           value_at(static_cast<std::size_t>(corners.at[i]));
  return static_cast<std::uint8_t>(sum >> kResultBits);
}

/// From sample `x` of chroma on. Its luma is the mean of the four that it colours.
void map_scalar(const ToneTable& table, const Lines& lines, int x) {
  for (; x < lines.width; ++x) {
    const int cb = sample(lines.cb[x]), cr = sample(lines.cr[x]);
    int sum = 2;
    for (std::size_t line = 0; line < 2; ++line) {
      for (int place = 2 * x; place < 2 * x + 2; ++place) {
        const int y = sample(lines.luma[line][place]);
        sum += y;
        lines.mapped_luma[line][place] =
            interpolated(corners_of(y, cb, cr), [&](std::size_t at) { return table.luma[at]; });
      }
    }
    const Corners corners = corners_of(sum / 4, cb, cr);
    lines.mapped_cb[x] = interpolated(corners, [&](auto at) { return table.chroma[at] >> 16; });
    lines.mapped_cr[x] = interpolated(corners, [&](auto at) { return table.chroma[at] & 0xffff; });
  }
}

#if defined(__x86_64__)

#define MILLRACE_AVX2 __attribute__((target("avx2"))) inline

/// What corners_of() knows of chroma alone, of eight samples.
struct ChromaAvx2 {
  __m256i first, high, low, high_step, low_step;
};

struct CornersAvx2 {
  __m256i at[4];
  __m256i weights[2];  ///< Of corners 0 and 1, 2 and 3, in 16 bits each.
};

MILLRACE_AVX2 __m256i load_avx2(const std::uint16_t* samples) {
  const __m256i wide =
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(samples)));
  return _mm256_min_epi32(wide, _mm256_set1_epi32(kLargestCode));
}

MILLRACE_AVX2 ChromaAvx2 chroma_avx2(const std::uint16_t* cb_samples,
                                     const std::uint16_t* cr_samples) {
  const __m256i cb = load_avx2(cb_samples), cr = load_avx2(cr_samples);
  const __m256i mask = _mm256_set1_epi32(kWhole - 1);
  const __m256i cb_step = _mm256_set1_epi32(ToneTable::kCbStep);
  const __m256i cr_step = _mm256_set1_epi32(ToneTable::kCrStep);
  const __m256i of_cb = _mm256_and_si256(cb, mask), of_cr = _mm256_and_si256(cr, mask);
  const __m256i is_cb_more = _mm256_cmpgt_epi32(of_cb, of_cr);
  // A product of two numbers of 16 bits, whose upper halves are zero.
  const __m256i first =
      _mm256_add_epi32(_mm256_madd_epi16(_mm256_srli_epi32(cb, kCellBits), cb_step),
                       _mm256_madd_epi16(_mm256_srli_epi32(cr, kCellBits), cr_step));
  return {first, _mm256_max_epi32(of_cb, of_cr), _mm256_min_epi32(of_cb, of_cr),
          _mm256_blendv_epi8(cr_step, cb_step, is_cb_more),
          _mm256_blendv_epi8(cb_step, cr_step, is_cb_more)};
}

/// Of eight samples of luma, at most 1023, in 32 bits each.
MILLRACE_AVX2 CornersAvx2 corners_avx2(__m256i y, const ChromaAvx2& chroma) {
  const __m256i one = _mm256_set1_epi32(1);
  const __m256i of_y = _mm256_and_si256(y, _mm256_set1_epi32(kWhole - 1));
  const __m256i largest = _mm256_max_epi32(of_y, chroma.high);
  const __m256i smallest = _mm256_min_epi32(of_y, chroma.low);
  const __m256i middle =
      _mm256_sub_epi32(_mm256_add_epi32(of_y, _mm256_add_epi32(chroma.high, chroma.low)),
                       _mm256_add_epi32(largest, smallest));
  const __m256i first_step =
      _mm256_blendv_epi8(chroma.high_step, one, _mm256_cmpgt_epi32(of_y, chroma.high));
  const __m256i last_step =
      _mm256_blendv_epi8(chroma.low_step, one, _mm256_cmpgt_epi32(chroma.low, of_y));
  const __m256i first = _mm256_add_epi32(chroma.first, _mm256_srli_epi32(y, kCellBits));
  const __m256i last = _mm256_add_epi32(first, _mm256_set1_epi32(kAllSteps));
  return {{first, _mm256_add_epi32(first, first_step), _mm256_sub_epi32(last, last_step), last},
          {_mm256_or_si256(_mm256_sub_epi32(_mm256_set1_epi32(kWhole), largest),
                           _mm256_slli_epi32(_mm256_sub_epi32(largest, middle), 16)),
           _mm256_or_si256(_mm256_sub_epi32(middle, smallest), _mm256_slli_epi32(smallest, 16))}};
}

/// The values of four corners are in the lower halves of the first and third, and in the upper ones
/// of the others.
MILLRACE_AVX2 __m256i interpolated_avx2(const CornersAvx2& corners, __m256i a, __m256i b, __m256i c,
                                        __m256i d) {
  const __m256i sum =
      _mm256_add_epi32(_mm256_madd_epi16(_mm256_blend_epi16(a, b, 0xaa), corners.weights[0]),
                       _mm256_madd_epi16(_mm256_blend_epi16(c, d, 0xaa), corners.weights[1]));
  return _mm256_srli_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(kRounding)), kResultBits);
}

MILLRACE_AVX2 __m256i luma_avx2(const ToneTable& table, const CornersAvx2& corners) {
  const int* const values = reinterpret_cast<const int*>(table.luma.data());
  return interpolated_avx2(corners, _mm256_i32gather_epi32(values, corners.at[0], 2),
                           _mm256_slli_epi32(_mm256_i32gather_epi32(values, corners.at[1], 2), 16),
                           _mm256_i32gather_epi32(values, corners.at[2], 2),
                           _mm256_slli_epi32(_mm256_i32gather_epi32(values, corners.at[3], 2), 16));
}

/// The lowest byte of each 32 bits.
MILLRACE_AVX2 void store_bytes_avx2(std::uint8_t* to, __m256i values) {
  const __m128i halves =
      _mm_packus_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(halves, halves));
}

MILLRACE_AVX2 void map_chroma_avx2(const ToneTable& table, const CornersAvx2& corners,
                                   std::uint8_t* mapped_cb, std::uint8_t* mapped_cr) {
  const int* const values = reinterpret_cast<const int*>(table.chroma.data());
  __m256i at[4];
  for (int i = 0; i < 4; ++i) at[i] = _mm256_i32gather_epi32(values, corners.at[i], 4);
  store_bytes_avx2(mapped_cb, interpolated_avx2(corners, _mm256_srli_epi32(at[0], 16), at[1],
                                                _mm256_srli_epi32(at[2], 16), at[3]));
  store_bytes_avx2(mapped_cr, interpolated_avx2(corners, at[0], _mm256_slli_epi32(at[1], 16), at[2],
                                                _mm256_slli_epi32(at[3], 16)));
}

/// As map_scalar() does it, from the left; returns at which sample of chroma it ends.
__attribute__((target("avx2"))) int map_avx2(const ToneTable& table, const Lines& lines) {
  const __m256i lower = _mm256_set1_epi32(0xffff);
  const __m256i largest = _mm256_set1_epi16(kLargestCode);
  int x = 0;
  for (; x + 8 <= lines.width; x += 8) {
    const ChromaAvx2 chroma = chroma_avx2(lines.cb + x, lines.cr + x);
    __m256i sum = _mm256_set1_epi32(2);
    for (std::size_t line = 0; line < 2; ++line) {
      const __m256i samples = _mm256_min_epu16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lines.luma[line] + 2 * x)), largest);
      const __m256i even = _mm256_and_si256(samples, lower), odd = _mm256_srli_epi32(samples, 16);
      sum = _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
      const __m256i mapped =
          _mm256_or_si256(luma_avx2(table, corners_avx2(even, chroma)),
                          _mm256_slli_epi32(luma_avx2(table, corners_avx2(odd, chroma)), 16));
      const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(mapped, mapped), 0x08);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(lines.mapped_luma[line] + 2 * x),
                       _mm256_castsi256_si128(packed));
    }
    map_chroma_avx2(table, corners_avx2(_mm256_srli_epi32(sum, 2), chroma), lines.mapped_cb + x,
                    lines.mapped_cr + x);
  }
  return x;
}

#undef MILLRACE_AVX2

bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}

#else

int map_avx2(const ToneTable&, const Lines&) {
  return 0;
}
bool has_avx2() {
  return false;
}

#endif

void map_planes(const ToneTable& table, const AVFrame& input, AVFrame& output, bool by_avx2) {
  const auto samples = [&](int plane, int line) {
    return reinterpret_cast<const std::uint16_t*>(
        input.data[plane] + static_cast<std::ptrdiff_t>(line) * input.linesize[plane]);
  };
  const auto mapped = [&](int plane, int line) {
    return output.data[plane] + static_cast<std::ptrdiff_t>(line) * output.linesize[plane];
  };
  for (int line = 0; 2 * line < input.height; ++line) {
    const int upper = 2 * line, lower = upper + 1;
    const Lines lines{.luma = {samples(0, upper), samples(0, lower)},
                      .cb = samples(1, line),
                      .cr = samples(2, line),
                      .mapped_luma = {mapped(0, upper), mapped(0, lower)},
                      .mapped_cb = mapped(1, line),
                      .mapped_cr = mapped(2, line),
                      .width = input.width / 2};
    map_scalar(table, lines, by_avx2 ? map_avx2(table, lines) : 0);
  }
}

}  // namespace

ToneTable::ToneTable(const ToneCurve& curve, const Colour& colour) {
  luma.reserve(std::size_t{kCrStep} * kPoints + 1);
  chroma.reserve(std::size_t{kCrStep} * kPoints);
  for (int cr = 0; cr < kPoints; ++cr) {
    for (int cb = 0; cb < kPoints; ++cb) {
      for (int y = 0; y < kPoints; ++y) {
        const auto sdr =
            curve.to_sdr(rgb_of(y << kCellBits, cb << kCellBits, cr << kCellBits, colour));
        // BT.709-6 3.3 and 3.4, in 8 bits of limited range.
        const float value = kBt709.red * sdr[0] + kBt709.green * sdr[1] + kBt709.blue * sdr[2];
        const float of_blue = (sdr[2] - value) / (2 * (1 - kBt709.blue));
        const float of_red = (sdr[0] - value) / (2 * (1 - kBt709.red));
        luma.push_back(static_cast<std::uint16_t>(fixed(16 + 219 * value)));
        chroma.push_back(fixed(128 + 224 * of_blue) << 16 | fixed(128 + 224 * of_red));
      }
    }
  }
  luma.push_back(0);
}

ToneMapper::ToneMapper(int width, int height, bool may_use_vectors)
    : by_avx2_(may_use_vectors && has_avx2()), to_10_bit_(width, height, AV_PIX_FMT_YUV420P10) {}

FramePointer ToneMapper::map(const AVFrame& input, const Colour& colour) {
  if (const float peak = peak_luminance(colour, hdr_metadata_of(input));
      !table_ || colour != colour_ || peak != peak_) {
    colour_ = colour;
    peak_ = peak;
    table_.emplace(ToneCurve(colour, peak), colour);
  }
  const FramePointer deep = to_10_bit_.scale(input);
  if (!deep) return nullptr;
  FramePointer output = pool_.take(AV_PIX_FMT_YUV420P, *deep, deep->width, deep->height);
  map_planes(*table_, *deep, *output, by_avx2_);
  output->color_primaries = AVCOL_PRI_BT709;
  output->color_trc = AVCOL_TRC_BT709;
  output->colorspace = AVCOL_SPC_BT709;
  output->color_range = AVCOL_RANGE_MPEG;
  av_frame_remove_side_data(output.get(), AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
  av_frame_remove_side_data(output.get(), AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
  return output;
}

}  // namespace millrace::transcode
