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

constexpr int kMostWeightBits = 7;
// What keeps sums in 16 bits while they grow: they begin that many samples lower. Then up to 1.25
// of positive weights and 0.75 of negative ones fit.
constexpr int kBias = 64;
constexpr int kMostPositive = 160;
// Samples that one shuffle reaches.
constexpr int kWindow = 16;
// Rows of the middle are read in whole windows.
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

void vertical_scalar(const std::uint8_t* const* rows, const std::int8_t* weights,
                     const AxisFilter& filter, int from, int width, std::uint8_t* middle) {
  for (int x = from; x < width; ++x) {
    std::int32_t sum = 1 << (filter.weight_bits - 1);
    for (int tap = 0; tap < filter.taps; ++tap) sum += weights[tap] * rows[tap][x];
    middle[x] = to_sample(sum >> filter.weight_bits);
  }
}

void horizontal_scalar(const std::uint8_t* middle, const AxisFilter& filter, int from, int width,
                       std::uint8_t* output) {
  for (int x = from; x < width; ++x) {
    const std::int8_t* const weights = filter.weights.data() + x * filter.taps;
    const std::uint8_t* const samples = middle + filter.first[static_cast<std::size_t>(x)];
    std::int32_t sum = 1 << (filter.weight_bits - 1);
    for (int tap = 0; tap < filter.taps; ++tap) sum += weights[tap] * samples[tap];
    output[x] = to_sample(sum >> filter.weight_bits);
  }
}

#if defined(__x86_64__)

/// Signed bytes in the order in which a pair's samples lie, as one number.
std::int16_t pair_of(int first, int second) {
  return static_cast<std::int16_t>((first & 0xff) | (second << 8));
}

__attribute__((target("avx2"))) inline __m256i biased_rounding(int weight_bits) {
  return _mm256_set1_epi16(static_cast<short>((1 << (weight_bits - 1)) - (kBias << weight_bits)));
}

/// Sums to samples, which packing still has to clamp.
__attribute__((target("avx2"))) inline __m256i samples_of(__m256i sums, __m128i weight_bits) {
  return _mm256_add_epi16(_mm256_sra_epi16(sums, weight_bits), _mm256_set1_epi16(kBias));
}

// 32 samples a step. kPairs is known for the usual ratios, 0 for others.
template <int kPairs>
__attribute__((target("avx2"))) int vertical_avx2(const std::uint8_t* const* rows,
                                                  const std::int8_t* weights,
                                                  const AxisFilter& filter, int width,
                                                  std::uint8_t* middle) {
  const int pairs = kPairs > 0 ? kPairs : filter.pairs();
  const int alone = filter.taps % 2;  // The last pair's second sample has no weight then.
  const __m256i rounding = biased_rounding(filter.weight_bits);
  const __m128i weight_bits = _mm_cvtsi32_si128(filter.weight_bits);
  int x = 0;
  for (; x + 32 <= width; x += 32) {
    __m256i low = rounding, high = rounding;
    for (int pair = 0; pair < pairs; ++pair) {
      const bool has_second = pair + 1 < pairs || alone == 0;
      const int second = has_second ? pair + pairs : pair;
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[pair] + x));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[second] + x));
      const __m256i weight =
          _mm256_set1_epi16(pair_of(weights[pair], has_second ? weights[second] : 0));
      low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), weight));
      high = _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), weight));
    }
    // unpack and pack both work within 128-bit lanes, so the order comes out right.
    const __m256i packed =
        _mm256_packus_epi16(samples_of(low, weight_bits), samples_of(high, weight_bits));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(middle + x), packed);
  }
  return x;
}

int vertical_fast(const std::uint8_t* const* rows, const std::int8_t* weights,
                  const AxisFilter& filter, int width, std::uint8_t* middle) {
  switch (filter.taps) {
    case 4:
      return vertical_avx2<2>(rows, weights, filter, width, middle);
    case 6:
      return vertical_avx2<3>(rows, weights, filter, width, middle);
    case 8:
      return vertical_avx2<4>(rows, weights, filter, width, middle);
    default:
      return vertical_avx2<0>(rows, weights, filter, width, middle);
  }
}

// A group of outputs of two rows: one row in each lane, with the same shuffles and weights.
template <typename Step>
__attribute__((target("avx2"))) inline __m256i group_avx2(const std::uint8_t* upper,
                                                          const std::uint8_t* lower,
                                                          const Step* steps, int pairs,
                                                          __m256i rounding) {
  __m256i sum = rounding;
  for (int pair = 0; pair < pairs; ++pair) {
    const __m256i window = _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(lower + pair),
                                               reinterpret_cast<const __m128i*>(upper + pair));
    const __m256i shuffle = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(steps[pair].shuffle)));
    const __m256i weights = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(steps[pair].weights)));
    sum =
        _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_shuffle_epi8(window, shuffle), weights));
  }
  return sum;
}

/// 16 outputs of two rows a step, in groups of kGroup.
template <int kGroup, int kPairs, typename Step>
__attribute__((target("avx2"))) int horizontal_avx2(const std::uint8_t* upper,
                                                    const std::uint8_t* lower,
                                                    const AxisFilter& filter, const Step* steps,
                                                    int width, std::uint8_t* output_upper,
                                                    std::uint8_t* output_lower) {
  const int pairs = kPairs > 0 ? kPairs : filter.pairs();
  const __m256i rounding = biased_rounding(filter.weight_bits);
  const __m128i weight_bits = _mm_cvtsi32_si128(filter.weight_bits);
  const int* first = filter.first.data();
  constexpr int kGroups = 16 / kGroup;
  int x = 0;
  for (; x + 16 <= width; x += 16, first += 16, steps += kGroups * pairs) {
    __m256i sums[kGroups];
    for (int group = 0; group < kGroups; ++group)
      sums[group] = group_avx2(upper + first[group * kGroup], lower + first[group * kGroup],
                               steps + group * pairs, pairs, rounding);
    if constexpr (kGroup == 4) {  // Only the lower half of each lane holds outputs.
      sums[0] = _mm256_unpacklo_epi64(sums[0], sums[1]);
      sums[1] = _mm256_unpacklo_epi64(sums[2], sums[3]);
    }
    const __m256i samples =
        _mm256_packus_epi16(samples_of(sums[0], weight_bits), samples_of(sums[1], weight_bits));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output_upper + x), _mm256_castsi256_si128(samples));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output_lower + x),
                     _mm256_extracti128_si256(samples, 1));
  }
  return x;
}

template <typename Step>
int horizontal_fast(const std::uint8_t* upper, const std::uint8_t* lower, const AxisFilter& filter,
                    const Step* steps, int group, int width, std::uint8_t* output_upper,
                    std::uint8_t* output_lower) {
  const auto scale = group == 4         ? horizontal_avx2<4, 0, Step>
                     : filter.taps == 6 ? horizontal_avx2<8, 3, Step>
                                        : horizontal_avx2<8, 0, Step>;
  return scale(upper, lower, filter, steps, width, output_upper, output_lower);
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}

#else

int vertical_fast(const std::uint8_t* const*, const std::int8_t*, const AxisFilter&, int,
                  std::uint8_t*) {
  return 0;
}
template <typename Step>
int horizontal_fast(const std::uint8_t*, const std::uint8_t*, const AxisFilter&, const Step*, int,
                    int, std::uint8_t*, std::uint8_t*) {
  return 0;
}
bool has_avx2() {
  return false;
}

#endif

/// Weights that add up to 1 << bits: what rounding down leaves goes to those that lost most.
void quantise(const std::vector<double>& exact, int bits, std::int8_t* weights) {
  const double sum = std::accumulate(exact.begin(), exact.end(), 0.0);
  std::vector<std::pair<double, std::size_t>> lost;
  int left = 1 << bits;
  for (std::size_t tap = 0; tap < exact.size(); ++tap) {
    const double scaled = exact[tap] / sum * (1 << bits);
    const double floor = std::floor(scaled);
    weights[tap] = static_cast<std::int8_t>(floor);
    left -= static_cast<int>(floor);
    lost.emplace_back(floor - scaled, tap);
  }
  std::sort(lost.begin(), lost.end());
  for (int i = 0; i < left; ++i) ++weights[lost[static_cast<std::size_t>(i)].second];
}

/// Whether 7 bits of fraction are safe: each weight is a byte, a pair of them times 255 is in 16
/// bits, and so are the sums.
bool fits(const std::vector<double>& exact) {
  const double sum = std::accumulate(exact.begin(), exact.end(), 0.0);
  const std::size_t pairs = (exact.size() + 1) / 2;
  double positive = 0;
  const auto weight = [&](std::size_t tap) {
    // Rounded up: quantise() may.
    return tap < exact.size() ? std::ceil(exact[tap] / sum * (1 << kMostWeightBits)) : 0.0;
  };
  for (std::size_t tap = 0; tap < exact.size(); ++tap) positive += std::max(0.0, weight(tap));
  for (std::size_t pair = 0; pair < pairs; ++pair)
    if (weight(pair) > 127 || weight(pair + pairs) > 127 ||
        weight(pair) + weight(pair + pairs) > 128)
      return false;
  return positive <= kMostPositive;
}

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
  const int reach = 2 * static_cast<int>(std::ceil(2 * stretch));
  std::vector<std::vector<double>> exact(static_cast<std::size_t>(output_size),
                                         std::vector<double>(count, 0.0));
  for (int output = 0; output < output_size; ++output) {
    const double centre = (output + edge) * ratio - edge;
    const int begin = static_cast<int>(std::floor(centre - 2 * stretch)) + 1;
    const int from = std::clamp(begin, 0, input_size - taps);
    for (int tap = 0; tap < reach; ++tap) {
      // What lies outside the picture repeats its edge.
      const int sample = std::clamp(begin + tap, 0, input_size - 1);
      const int slot = std::clamp(sample - from, 0, taps - 1);
      exact[static_cast<std::size_t>(output)][static_cast<std::size_t>(slot)] +=
          cubic((begin + tap - centre) / stretch);
    }
    first.push_back(from);
  }
  weight_bits =
      std::all_of(exact.begin(), exact.end(), fits) ? kMostWeightBits : kMostWeightBits - 1;
  weights.resize(exact.size() * count);
  for (std::size_t output = 0; output < exact.size(); ++output)
    quantise(exact[output], weight_bits, weights.data() + output * count);
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
  for (const int outputs : {8, 4})
    if (use_avx2_ && group_ == 0) plan_groups(outputs);
}

/// Does nothing where a window does not reach all samples of a group.
void PolyphaseScaler::plan_groups(int outputs) {
  const int pairs = horizontal_.pairs();
  std::vector<PairStep> steps;
  for (int x = 0; x + outputs <= output_width_; x += outputs) {
    for (int pair = 0; pair < pairs; ++pair) {
      PairStep step;
      // 0x80 shuffles in a zero.
      std::fill(std::begin(step.shuffle), std::end(step.shuffle), std::uint8_t{0x80});
      std::fill(std::begin(step.weights), std::end(step.weights), std::int8_t{0});
      for (int lane = 0; lane < outputs * 2; ++lane) {
        const int output = x + lane / 2;
        const int tap = pair + lane % 2 * pairs;
        if (tap >= horizontal_.taps) continue;
        const int place = horizontal_.first[static_cast<std::size_t>(output)] -
                          horizontal_.first[static_cast<std::size_t>(x)] + tap - pair;
        if (place >= kWindow) return;
        step.shuffle[lane] = static_cast<std::uint8_t>(place);
        step.weights[lane] = horizontal_.weights.data()[output * horizontal_.taps + tap];
      }
      steps.push_back(step);
    }
  }
  group_ = outputs;
  steps_ = std::move(steps);
}

void PolyphaseScaler::scale_row(const std::uint8_t* input, std::ptrdiff_t stride, int row,
                                std::uint8_t* middle) {
  for (int tap = 0; tap < vertical_.taps; ++tap)
    rows_[static_cast<std::size_t>(tap)] =
        input + (vertical_.first[static_cast<std::size_t>(row)] + tap) * stride;
  const std::int8_t* const weights = vertical_.weights.data() + row * vertical_.taps;
  const int done =
      use_avx2_ ? vertical_fast(rows_.data(), weights, vertical_, input_width_, middle) : 0;
  vertical_scalar(rows_.data(), weights, vertical_, done, input_width_, middle);
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
    if (group_ > 0)
      done = horizontal_fast(upper, lower, horizontal_, steps_.data(), group_, output_width_,
                             out_upper, out_lower);
    for (const auto& [middle, out] : {std::pair(upper, out_upper), std::pair(lower, out_lower)})
      horizontal_scalar(middle, horizontal_, done, output_width_, out);
  }
}

}  // namespace millrace::transcode
