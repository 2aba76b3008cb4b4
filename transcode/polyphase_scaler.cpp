#include "transcode/polyphase_scaler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace::transcode {
namespace {

constexpr int kWeightBits = 14;
// A product of the vertical pass keeps 6 bits of fraction, in 16 bits with its sign; what cutting
// the rest off takes away on average, half a unit a tap, is put back with the rounding.
constexpr int kProductBits = 6;
constexpr int kProductShift = kWeightBits - kProductBits;
// Samples that one shuffle reaches, and outputs that it makes.
constexpr int kWindow = 16;
constexpr int kGroup = 4;
// Rows of the middle are written and read in whole vectors.
constexpr int kRowSlack = 64;

// Keys' cubic with swscale's default parameter.
double cubic(double x) {
  constexpr double a = -0.6;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

std::uint8_t to_sample(std::int32_t value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

int vertical_rounding(int taps) {
  return (1 << (kProductBits - 1)) + taps / 2;
}

void vertical_scalar(const std::uint8_t* const* rows, const std::int16_t* weights, int taps,
                     int from, int width, std::uint8_t* middle) {
  for (int x = from; x < width; ++x) {
    std::int32_t sum = vertical_rounding(taps);
    for (int tap = 0; tap < taps; ++tap) {
      const std::int32_t product = (rows[tap][x] * std::abs(weights[tap])) >> kProductShift;
      sum += weights[tap] < 0 ? -product - 1 : product;
    }
    middle[x] = to_sample(sum >> kProductBits);
  }
}

void horizontal_scalar(const std::uint8_t* middle, const int* first, const std::int16_t* weights,
                       int taps, int from, int width, std::uint8_t* output) {
  for (int x = from; x < width; ++x) {
    std::int32_t sum = 1 << (kWeightBits - 1);
    for (int tap = 0; tap < taps; ++tap) sum += weights[x * taps + tap] * middle[first[x] + tap];
    output[x] = to_sample(sum >> kWeightBits);
  }
}

#if defined(__x86_64__)

// 32 samples a step: the high halves of the 16-bit products of (sample << 8) and |weight|.
__attribute__((target("avx2"))) int vertical_avx2(const std::uint8_t* const* rows,
                                                  const std::int16_t* weights, int taps, int width,
                                                  std::uint8_t* middle) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i rounding = _mm256_set1_epi16(static_cast<short>(vertical_rounding(taps)));
  int x = 0;
  for (; x + 32 <= width; x += 32) {
    __m256i low = rounding, high = rounding;
    for (int tap = 0; tap < taps; ++tap) {
      const __m256i samples = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[tap] + x));
      const __m256i weight = _mm256_set1_epi16(static_cast<short>(std::abs(weights[tap])));
      const __m256i a = _mm256_mulhi_epu16(_mm256_unpacklo_epi8(zero, samples), weight);
      const __m256i b = _mm256_mulhi_epu16(_mm256_unpackhi_epi8(zero, samples), weight);
      if (weights[tap] < 0) {
        const __m256i one = _mm256_set1_epi16(1);
        low = _mm256_sub_epi16(low, _mm256_add_epi16(a, one));
        high = _mm256_sub_epi16(high, _mm256_add_epi16(b, one));
      } else {
        low = _mm256_add_epi16(low, a);
        high = _mm256_add_epi16(high, b);
      }
    }
    // unpack and pack both work within 128-bit lanes, so the order comes out right.
    const __m256i packed = _mm256_packus_epi16(_mm256_srai_epi16(low, kProductBits),
                                               _mm256_srai_epi16(high, kProductBits));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(middle + x), packed);
  }
  return x;
}

// Four outputs of two rows at a time: one row in each lane, with the same shuffles and weights.
template <typename Step>
__attribute__((target("avx2"))) inline __m256i group_avx2(const std::uint8_t* upper,
                                                          const std::uint8_t* lower, int first,
                                                          const Step* steps, int pairs) {
  const __m128i window_upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(upper + first));
  const __m128i window_lower = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lower + first));
  const __m256i window = _mm256_set_m128i(window_lower, window_upper);
  __m256i sum = _mm256_set1_epi32(1 << (kWeightBits - 1));
  for (int pair = 0; pair < pairs; ++pair) {
    const __m256i shuffle = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(steps[pair].shuffle)));
    const __m256i weights = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(steps[pair].weights)));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(window, shuffle), weights));
  }
  return _mm256_srai_epi32(sum, kWeightBits);
}

template <typename Step>
__attribute__((target("avx2"))) int horizontal_avx2(const std::uint8_t* upper,
                                                    const std::uint8_t* lower, const int* first,
                                                    const Step* steps, int pairs, int width,
                                                    std::uint8_t* output_upper,
                                                    std::uint8_t* output_lower) {
  int x = 0;
  for (; x + 4 * kGroup <= width; x += 4 * kGroup) {
    __m256i sums[4];
    for (int group = 0; group < 4; ++group)
      sums[group] = group_avx2(upper, lower, first[x + group * kGroup],
                               steps + (x / kGroup + group) * pairs, pairs);
    const __m256i samples = _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]),
                                                _mm256_packs_epi32(sums[2], sums[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output_upper + x), _mm256_castsi256_si128(samples));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output_lower + x),
                     _mm256_extracti128_si256(samples, 1));
  }
  return x;
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}

#else

int vertical_avx2(const std::uint8_t* const*, const std::int16_t*, int, int, std::uint8_t*) {
  return 0;
}
template <typename Step>
int horizontal_avx2(const std::uint8_t*, const std::uint8_t*, const int*, const Step*, int, int,
                    std::uint8_t*, std::uint8_t*) {
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
      rows_(static_cast<std::size_t>(vertical_.taps)),
      middle_(2 * static_cast<std::size_t>(input_width + kRowSlack)) {
  const int pairs = (horizontal_.taps + 1) / 2;
  for (int x = 0; use_avx2_ && x + kGroup <= output_width; x += kGroup) {
    const int window = horizontal_.first[static_cast<std::size_t>(x)];
    for (int pair = 0; pair < pairs; ++pair) {
      PairStep step;
      for (int lane = 0; lane < kGroup * 2; ++lane) {
        const int output = x + lane / 2;
        const int tap = pair * 2 + lane % 2;
        const bool is_tap = tap < horizontal_.taps;
        const int place = horizontal_.first[static_cast<std::size_t>(output)] + tap - window;
        if (is_tap && place >= kWindow) {  // A large ratio: the scalar code does these.
          steps_.clear();
          return;
        }
        // 0x80 shuffles in a zero: the high byte of each 16-bit sample.
        step.shuffle[lane * 2] = is_tap ? static_cast<std::uint8_t>(place) : 0x80;
        step.shuffle[lane * 2 + 1] = 0x80;
        step.weights[lane] =
            is_tap ? horizontal_.weights[static_cast<std::size_t>(output * horizontal_.taps + tap)]
                   : std::int16_t{0};
      }
      steps_.push_back(step);
    }
  }
}

void PolyphaseScaler::scale_row(const std::uint8_t* input, std::ptrdiff_t stride, int row,
                                std::uint8_t* middle) {
  for (int tap = 0; tap < vertical_.taps; ++tap)
    rows_[static_cast<std::size_t>(tap)] =
        input + (vertical_.first[static_cast<std::size_t>(row)] + tap) * stride;
  const std::int16_t* const weights = vertical_.weights.data() + row * vertical_.taps;
  const int done =
      use_avx2_ ? vertical_avx2(rows_.data(), weights, vertical_.taps, input_width_, middle) : 0;
  vertical_scalar(rows_.data(), weights, vertical_.taps, done, input_width_, middle);
}

void PolyphaseScaler::scale(const std::uint8_t* input, std::ptrdiff_t input_stride,
                            std::uint8_t* output, std::ptrdiff_t output_stride) {
  std::uint8_t* const upper = middle_.data();
  std::uint8_t* const lower = upper + middle_.size() / 2;
  for (int y = 0; y < output_height_; y += 2) {
    // A last odd row is made twice.
    const int below = std::min(y + 1, output_height_ - 1);
    scale_row(input, input_stride, y, upper);
    scale_row(input, input_stride, below, lower);
    std::uint8_t* const out_upper = output + y * output_stride;
    std::uint8_t* const out_lower = output + below * output_stride;
    int done = 0;
    if (!steps_.empty())
      done = horizontal_avx2(upper, lower, horizontal_.first.data(), steps_.data(),
                             (horizontal_.taps + 1) / 2, output_width_, out_upper, out_lower);
    for (const auto& [middle, out] : {std::pair(upper, out_upper), std::pair(lower, out_lower)})
      horizontal_scalar(middle, horizontal_.first.data(), horizontal_.weights.data(),
                        horizontal_.taps, done, output_width_, out);
  }
}

}  // namespace millrace::transcode
