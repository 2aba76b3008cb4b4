#pragma once
// Media time is nanoseconds everywhere between the edges; codecs' and containers' ticks are
// converted at the edge, to nearest. Channel times count from the Unix epoch (the server's clock).
#include <chrono>
#include <cstdint>

namespace millrace {

using MediaTime = std::chrono::nanoseconds;

/// A channel's segment, the same in every rendition: the HLS media sequence number.
using SegmentNumber = std::uint64_t;

struct Rational {
  std::int64_t numerator = 0;
  std::int64_t denominator = 1;
  friend bool operator==(const Rational&, const Rational&) = default;
};

/// Rounds to nearest, halves away from zero. The product is 128 bits wide, so no input overflows
/// whose result fits.
constexpr std::int64_t scale_rounded(std::int64_t value, std::int64_t multiplier,
                                     std::int64_t divisor) {
  __extension__ using Wide = __int128;
  const Wide product = static_cast<Wide>(value) * multiplier;
  const Wide half = divisor / 2;
  return static_cast<std::int64_t>((product >= 0 ? product + half : product - half) / divisor);
}

constexpr std::int64_t to_ticks(MediaTime time, std::int64_t ticks_per_second) {
  return scale_rounded(time.count(), ticks_per_second, 1'000'000'000);
}

constexpr MediaTime from_ticks(std::int64_t ticks, std::int64_t ticks_per_second) {
  return MediaTime(scale_rounded(ticks, 1'000'000'000, ticks_per_second));
}

}  // namespace millrace
