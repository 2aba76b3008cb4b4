#include "transcode/deinterlacer.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace millrace::transcode {
namespace {

// The edges of a line have no neighbours to follow an edge of the picture to.
constexpr int kReach = 2;
constexpr int kAnything = 255;

bool is_planar_8_bit(const AVFrame& picture) {
  const auto* const format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture.format));
  constexpr auto kOther = AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL |
                          AV_PIX_FMT_FLAG_BITSTREAM;
  return format != nullptr && (format->flags & AV_PIX_FMT_FLAG_PLANAR) != 0 &&
         (format->flags & kOther) == 0 && format->nb_components == 3 &&
         format->comp[0].depth == 8 && format->comp[1].step == 1;
}

bool is_alike(const AVFrame& a, const AVFrame& b) {
  return a.width == b.width && a.height == b.height && a.format == b.format;
}

/// A line of the second field, `now`, and those of the first field above and below it; the same of
/// the picture before, if there is one.
struct Lines {
  const std::uint8_t* above = nullptr;
  const std::uint8_t* below = nullptr;
  const std::uint8_t* now = nullptr;
  const std::uint8_t* above_before = nullptr;
  const std::uint8_t* below_before = nullptr;
  const std::uint8_t* before = nullptr;
};

/// How well the line above, `shift` to the right, goes on in the line below as far to the left.
template <int kShift>
inline int mismatch(const Lines& lines, int x) {
  int sum = 0;
  for (int i = -1; i <= 1; ++i)
    sum += std::abs(lines.above[x + i + kShift] - lines.below[x + i - kShift]);
  return sum;
}

/// Along the direction in which the lines above and below fit best; straight down where in doubt.
inline int along_edge(const Lines& lines, int x) {
  int best = mismatch<0>(lines, x) - 1;
  int sample = lines.above[x] + lines.below[x];
  const int left = mismatch<-1>(lines, x), right = mismatch<1>(lines, x);
  sample = left < best ? lines.above[x - 1] + lines.below[x + 1] : sample;
  best = std::min(left, best);
  sample = right < best ? lines.above[x + 1] + lines.below[x - 1] : sample;
  return (sample + 1) / 2;
}

/// Between the same line before and after: as far from it as things move here.
template <bool kHasBefore>
inline std::uint8_t within_motion(const Lines& lines, int x, int sample) {
  if constexpr (!kHasBefore) return static_cast<std::uint8_t>(sample);
  const int at_rest = (lines.before[x] + lines.now[x] + 1) / 2;
  const int own = std::abs(lines.before[x] - lines.now[x]) / 2;
  const int around = (std::abs(lines.above_before[x] - lines.above[x]) +
                      std::abs(lines.below_before[x] - lines.below[x])) /
                     2;
  const int motion = std::max(own, around);
  return static_cast<std::uint8_t>(
      std::clamp(sample, std::max(0, at_rest - motion), std::min(kAnything, at_rest + motion)));
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) inline __m256i load_avx2(const std::uint8_t* samples) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(samples)));
}

__attribute__((target("avx2"))) inline __m256i distance_avx2(__m256i a, __m256i b) {
  return _mm256_abs_epi16(_mm256_sub_epi16(a, b));
}

/// mismatch<kShift>(), of sixteen samples.
template <int kShift>
__attribute__((target("avx2"))) inline __m256i mismatch_avx2(const Lines& lines, int x) {
  __m256i sum = _mm256_setzero_si256();
  for (int i = -1; i <= 1; ++i)
    sum = _mm256_add_epi16(sum, distance_avx2(load_avx2(lines.above + x + i + kShift),
                                              load_avx2(lines.below + x + i - kShift)));
  return sum;
}

/// As fill() does it, from `x` on; returns where it ends.
template <bool kHasBefore>
__attribute__((target("avx2"))) int fill_avx2(const Lines& lines, int x, int end,
                                              std::uint8_t* output) {
  const __m256i one = _mm256_set1_epi16(1);
  for (; x + 16 <= end; x += 16) {
    const __m256i above = load_avx2(lines.above + x), below = load_avx2(lines.below + x);
    __m256i best = _mm256_sub_epi16(mismatch_avx2<0>(lines, x), one);
    __m256i sample = _mm256_add_epi16(above, below);
    const __m256i left = mismatch_avx2<-1>(lines, x), right = mismatch_avx2<1>(lines, x);
    sample = _mm256_blendv_epi8(
        sample, _mm256_add_epi16(load_avx2(lines.above + x - 1), load_avx2(lines.below + x + 1)),
        _mm256_cmpgt_epi16(best, left));
    best = _mm256_min_epi16(best, left);
    sample = _mm256_blendv_epi8(
        sample, _mm256_add_epi16(load_avx2(lines.above + x + 1), load_avx2(lines.below + x - 1)),
        _mm256_cmpgt_epi16(best, right));
    sample = _mm256_srli_epi16(_mm256_add_epi16(sample, one), 1);
    if constexpr (kHasBefore) {
      const __m256i before = load_avx2(lines.before + x), now = load_avx2(lines.now + x);
      const __m256i at_rest = _mm256_avg_epu16(before, now);
      const __m256i own = _mm256_srli_epi16(distance_avx2(before, now), 1);
      const __m256i around = _mm256_srli_epi16(
          _mm256_add_epi16(distance_avx2(load_avx2(lines.above_before + x), above),
                           distance_avx2(load_avx2(lines.below_before + x), below)),
          1);
      const __m256i motion = _mm256_max_epi16(own, around);
      sample = _mm256_min_epi16(_mm256_max_epi16(sample, _mm256_sub_epi16(at_rest, motion)),
                                _mm256_add_epi16(at_rest, motion));
    }
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(sample, sample), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(output + x), _mm256_castsi256_si128(packed));
  }
  return x;
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}

#else

template <bool kHasBefore>
int fill_avx2(const Lines&, int x, int, std::uint8_t*) {
  return x;
}
bool has_avx2() {
  return false;
}

#endif

template <bool kHasBefore>
void fill(const Lines& lines, int width, bool by_avx2, std::uint8_t* output) {
  const auto straight = [&](int x) {
    output[x] = within_motion<kHasBefore>(lines, x, (lines.above[x] + lines.below[x] + 1) / 2);
  };
  int x = 0;
  for (; x < std::min(kReach, width); ++x) straight(x);
  if (by_avx2) x = fill_avx2<kHasBefore>(lines, x, width - kReach, output);
  for (; x < width - kReach; ++x)
    output[x] = within_motion<kHasBefore>(lines, x, along_edge(lines, x));
  for (; x < width; ++x) straight(x);
}

struct Plane {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t pitch = 0;
  const std::uint8_t* line(int y) const { return data == nullptr ? nullptr : data + y * pitch; }
};

/// `second`: 1 where the second field is that of the odd lines.
void deinterlace(Plane now, Plane before, int width, int height, int second, bool by_avx2,
                 std::uint8_t* output, std::ptrdiff_t pitch) {
  for (int y = 0; y < height; ++y) {
    std::uint8_t* const line = output + y * pitch;
    if (y % 2 != second || height < 2) {
      std::memcpy(line, now.line(y), static_cast<std::size_t>(width));
      continue;
    }
    // At the top and the bottom there is one neighbour.
    const int above = y > 0 ? y - 1 : y + 1, below = y + 1 < height ? y + 1 : y - 1;
    const Lines lines{now.line(above),    now.line(below),    now.line(y),
                      before.line(above), before.line(below), before.line(y)};
    before.data == nullptr ? fill<false>(lines, width, by_avx2, line)
                           : fill<true>(lines, width, by_avx2, line);
  }
}

}  // namespace

Deinterlacer::Deinterlacer(bool may_use_vectors) : by_avx2_(may_use_vectors && has_avx2()) {}

FramePointer Deinterlacer::process(FramePointer picture) {
  FramePointer before = std::exchange(before_, nullptr);
  if (picture->interlaced_frame == 0 || !is_planar_8_bit(*picture)) return picture;
  before_.reset(av_frame_clone(picture.get()));
  CHECK(before_ != nullptr);
  if (before && !is_alike(*before, *picture)) before.reset();
  const auto pixel_format = static_cast<AVPixelFormat>(picture->format);
  FramePointer output = pool_.take(pixel_format, *picture, picture->width, picture->height);
  output->interlaced_frame = 0;
  const auto* const format = av_pix_fmt_desc_get(pixel_format);
  for (int i = 0; i < 3; ++i) {
    const int width =
        i == 0 ? picture->width : AV_CEIL_RSHIFT(picture->width, format->log2_chroma_w);
    const int height =
        i == 0 ? picture->height : AV_CEIL_RSHIFT(picture->height, format->log2_chroma_h);
    deinterlace({picture->data[i], picture->linesize[i]},
                before ? Plane{before->data[i], before->linesize[i]} : Plane{}, width, height,
                picture->top_field_first != 0 ? 1 : 0, by_avx2_, output->data[i],
                output->linesize[i]);
  }
  return output;
}

}  // namespace millrace::transcode
