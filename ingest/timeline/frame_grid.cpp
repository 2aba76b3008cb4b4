#include "ingest/timeline/frame_grid.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace millrace::ingest {
namespace {

// RTMP's milliseconds are rounded or cut off, so times on one grid spread over at most 1 ms; twice
// that admits encoders that round twice.
constexpr MediaTime kLargestSpread = std::chrono::microseconds(2100);

constexpr Rational kCommonRates[] = {
    {30, 1}, {25, 1}, {60, 1}, {50, 1}, {24, 1}, {30000, 1001}, {60000, 1001}, {24000, 1001},
    {15, 1}, {20, 1}, {10, 1}, {12, 1}, {48, 1}, {120, 1},      {5, 1},
};

}  // namespace

MediaTime FrameGrid::time_of(std::int64_t slot) const {
  return anchor_ +
         MediaTime(scale_rounded(slot, rate_.denominator * 1'000'000'000, rate_.numerator));
}

std::int64_t FrameGrid::nearest_slot(MediaTime time) const {
  return scale_rounded((time - anchor_).count(), rate_.numerator,
                       rate_.denominator * 1'000'000'000);
}

std::optional<FrameGrid> FrameGrid::fit(std::span<const MediaTime> times,
                                        std::span<const Rational> candidates) {
  if (times.size() < 2) return std::nullopt;
  for (const Rational rate : candidates) {
    const FrameGrid grid(times.front(), rate);
    MediaTime least{}, most{};
    std::int64_t previous = 0;
    std::size_t single_steps = 0;
    bool rising = true;
    for (const MediaTime time : times.subspan(1)) {
      const auto slot = grid.nearest_slot(time);
      rising = rising && slot > previous;
      single_steps += slot == previous + 1 ? 1 : 0;
      previous = slot;
      const MediaTime deviation = time - grid.time_of(slot);
      least = std::min(least, deviation);
      most = std::max(most, deviation);
    }
    // Three of four: a rate that is a multiple of the real one fits as well, with steps of two.
    if (rising && most - least <= kLargestSpread && single_steps * 4 >= (times.size() - 1) * 3)
      return FrameGrid(times.front() + (least + most) / 2, rate);
  }
  return std::nullopt;
}

std::vector<Rational> candidate_rates(double announced, Rational from_bitstream) {
  std::vector<Rational> rates;
  if (announced >= 1 && announced <= 300) {
    // 29.97 and 29.97002997 both mean 30000/1001.
    const auto close = [announced](Rational rate) {
      return std::abs(static_cast<double>(rate.numerator) / static_cast<double>(rate.denominator) -
                      announced) < 0.005;
    };
    const auto* const common =
        std::find_if(std::begin(kCommonRates), std::end(kCommonRates), close);
    rates.push_back(common != std::end(kCommonRates)
                        ? *common
                        : Rational{std::llround(announced * 1000), 1000});
  }
  if (from_bitstream.numerator > 0) rates.push_back(from_bitstream);
  for (const Rational rate : kCommonRates) rates.push_back(rate);
  return rates;
}

}  // namespace millrace::ingest
