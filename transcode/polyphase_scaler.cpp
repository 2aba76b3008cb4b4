#include "transcode/polyphase_scaler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace::transcode {
namespace {

constexpr int kWeightBits = 14;
// Between the passes a sample has 6 bits of fraction: 255 * 64 leaves an int16 room for the
// filter's overshoot.
constexpr int kMiddleBits = 6;
constexpr int kVerticalShift = kWeightBits - kMiddleBits;
constexpr int kHorizontalShift = kWeightBits + kMiddleBits;
// Taps in a vector of the horizontal pass.
constexpr int kVectorTaps = 8;
constexpr int kRowSlack = 32;

// Keys' cubic with swscale's default parameter.
double cubic(double x) {
  constexpr double a = -0.6;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

std::int16_t saturate(std::int32_t value) {
  return static_cast<std::int16_t>(std::clamp(value, -32768, 32767));
}

void vertical_scalar(const std::uint8_t* const* rows, const std::int16_t* weights, int taps,
                     int from, int width, std::int16_t* middle) {
  for (int x = from; x < width; ++x) {
    std::int32_t sum = 1 << (kVerticalShift - 1);
    for (int tap = 0; tap < taps; ++tap) sum += weights[tap] * rows[tap][x];
    middle[x] = saturate(sum >> kVerticalShift);
  }
}

void horizontal_scalar(const std::int16_t* middle, const int* first, const std::int16_t* weights,
                       int taps, int from, int width, std::uint8_t* output) {
  for (int x = from; x < width; ++x) {
    std::int32_t sum = 1 << (kHorizontalShift - 1);
    for (int tap = 0; tap < taps; ++tap) sum += weights[x * taps + tap] * middle[first[x] + tap];
    output[x] = static_cast<std::uint8_t>(std::clamp(sum >> kHorizontalShift, 0, 255));
  }
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) int vertical_avx2(const std::uint8_t* const* rows,
                                                  const std::int16_t* weights, int taps, int width,
                                                  std::int16_t* middle) {
  const __m256i rounding = _mm256_set1_epi32(1 << (kVerticalShift - 1));
  int x = 0;
  for (; x + 16 <= width; x += 16) {
    __m256i low = rounding, high = rounding;
    for (int tap = 0; tap < taps; tap += 2) {
      // An odd last tap is paired with itself at weight 0.
      const bool is_pair = tap + 1 < taps;
      const auto load = [x](const std::uint8_t* row) __attribute__((target("avx2"))) {
        return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + x)));
      };
      const __m256i a = load(rows[tap]);
      const __m256i b = is_pair ? load(rows[tap + 1]) : a;
      const int weight_a = static_cast<std::uint16_t>(weights[tap]);
      const int weight_b = is_pair ? weights[tap + 1] : 0;
      const __m256i pair = _mm256_set1_epi32((weight_b << 16) | weight_a);
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), pair));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), pair));
    }
    // unpack and pack both work within 128-bit lanes, so the order comes out right.
    const __m256i packed = _mm256_packs_epi32(_mm256_srai_epi32(low, kVerticalShift),
                                              _mm256_srai_epi32(high, kVerticalShift));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(middle + x), packed);
  }
  return x;
}

__attribute__((target("avx2"))) inline __m256i two_outputs(const std::int16_t* middle,
                                                           const int* first,
                                                           const std::int16_t* weights, int taps) {
  __m256i sum = _mm256_setzero_si256();
  for (int tap = 0; tap < taps; tap += kVectorTaps) {
    const auto load = [](const std::int16_t* from) __attribute__((target("avx2"))) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    };
    const __m256i samples =
        _mm256_set_m128i(load(middle + first[1] + tap), load(middle + first[0] + tap));
    const __m256i factors = _mm256_set_m128i(load(weights + taps + tap), load(weights + tap));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(samples, factors));
  }
  return sum;
}

__attribute__((target("avx2"))) int horizontal_avx2(const std::int16_t* middle, const int* first,
                                                    const std::int16_t* weights, int taps,
                                                    int width, std::uint8_t* output) {
  const __m256i rounding = _mm256_set1_epi32(1 << (kHorizontalShift - 1));
  int x = 0;
  for (; x + 8 <= width; x += 8) {
    const auto outputs = [&](int at) __attribute__((target("avx2"))) {
      return two_outputs(middle, first + x + at, weights + (x + at) * taps, taps);
    };
    // Lanes: low has outputs 0 2 4 6, high 1 3 5 7.
    const __m256i sums = _mm256_hadd_epi32(_mm256_hadd_epi32(outputs(0), outputs(2)),
                                           _mm256_hadd_epi32(outputs(4), outputs(6)));
    const __m256i shifted = _mm256_srai_epi32(_mm256_add_epi32(sums, rounding), kHorizontalShift);
    const __m128i even = _mm256_castsi256_si128(shifted);
    const __m128i odd = _mm256_extracti128_si256(shifted, 1);
    const __m128i words =
        _mm_packs_epi32(_mm_unpacklo_epi32(even, odd), _mm_unpackhi_epi32(even, odd));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(output + x), _mm_packus_epi16(words, words));
  }
  return x;
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}

#else

int vertical_avx2(const std::uint8_t* const*, const std::int16_t*, int, int, std::int16_t*) {
  return 0;
}
int horizontal_avx2(const std::int16_t*, const int*, const std::int16_t*, int, int, std::uint8_t*) {
  return 0;
}
bool has_avx2() {
  return false;
}

#endif

}  // namespace

AxisFilter::AxisFilter(int input_size, int output_size, SampleSiting siting) {
  CHECK(input_size > 0 && output_size > 0);
  const double ratio = static_cast<double>(input_size) / output_size;
  const double stretch = std::max(1.0, ratio);  // A smaller output widens the filter.
  taps = std::min(input_size, 2 * static_cast<int>(std::ceil(2 * stretch)));
  // A chroma sample that shares its place with an even luma sample lies a quarter of its own pitch
  // from the picture's edge, the others half.
  const double edge = siting == SampleSiting::kCoSited ? 0.25 : 0.5;
  const auto count = static_cast<std::size_t>(taps);
  std::vector<double> exact(count);
  for (int output = 0; output < output_size; ++output) {
    const double centre = (output + edge) * ratio - edge;
    const int begin = static_cast<int>(std::floor(centre - 2 * stretch)) + 1;
    const int from = std::clamp(begin, 0, input_size - taps);
    std::fill(exact.begin(), exact.end(), 0.0);
    const int reach = 2 * static_cast<int>(std::ceil(2 * stretch));
    for (int tap = 0; tap < reach; ++tap) {
      // What lies outside the picture repeats its edge.
      const int sample = std::clamp(begin + tap, 0, input_size - 1);
      const int slot = std::clamp(sample - from, 0, taps - 1);
      exact[static_cast<std::size_t>(slot)] += cubic((begin + tap - centre) / stretch);
    }
    const double sum = std::accumulate(exact.begin(), exact.end(), 0.0);
    int left = 1 << kWeightBits;
    const auto base = weights.size();
    for (const double weight : exact) {
      const auto rounded =
          static_cast<std::int16_t>(std::lround(weight / sum * (1 << kWeightBits)));
      weights.push_back(rounded);
      left -= rounded;
    }
    // What rounding left over goes to the largest weight, so that a flat picture stays flat.
    const auto largest =
        std::max_element(weights.begin() + static_cast<std::ptrdiff_t>(base), weights.end());
    *largest = static_cast<std::int16_t>(*largest + left);
    first.push_back(from);
  }
}

PolyphaseScaler::PolyphaseScaler(int input_width, int input_height, int output_width,
                                 int output_height, SampleSiting horizontal_siting, Code code)
    : input_width_(input_width),
      output_width_(output_width),
      output_height_(output_height),
      use_avx2_(code == Code::kBestOfMachine && has_avx2()),
      vertical_(input_height, output_height, SampleSiting::kCentre),
      horizontal_(input_width, output_width, horizontal_siting),
      padded_taps_((horizontal_.taps + kVectorTaps - 1) / kVectorTaps * kVectorTaps),
      rows_(static_cast<std::size_t>(vertical_.taps)),
      // The last taps of a row may be read past its end, at weight 0.
      middle_(static_cast<std::size_t>(input_width + kRowSlack + padded_taps_)) {
  padded_weights_.resize(static_cast<std::size_t>(output_width * padded_taps_));
  for (int x = 0; x < output_width; ++x)
    std::copy_n(horizontal_.weights.begin() + x * horizontal_.taps, horizontal_.taps,
                padded_weights_.begin() + x * padded_taps_);
}

void PolyphaseScaler::scale(const std::uint8_t* input, std::ptrdiff_t input_stride,
                            std::uint8_t* output, std::ptrdiff_t output_stride) {
  for (int y = 0; y < output_height_; ++y) {
    const auto row = static_cast<std::size_t>(y);
    for (int tap = 0; tap < vertical_.taps; ++tap)
      rows_[static_cast<std::size_t>(tap)] = input + (vertical_.first[row] + tap) * input_stride;
    const std::int16_t* const weights = vertical_.weights.data() + y * vertical_.taps;
    int done = 0;
    if (use_avx2_)
      done = vertical_avx2(rows_.data(), weights, vertical_.taps, input_width_, middle_.data());
    vertical_scalar(rows_.data(), weights, vertical_.taps, done, input_width_, middle_.data());

    std::uint8_t* const out = output + y * output_stride;
    done = 0;
    if (use_avx2_)
      done = horizontal_avx2(middle_.data(), horizontal_.first.data(), padded_weights_.data(),
                             padded_taps_, output_width_, out);
    horizontal_scalar(middle_.data(), horizontal_.first.data(), horizontal_.weights.data(),
                      horizontal_.taps, done, output_width_, out);
  }
}

}  // namespace millrace::transcode
