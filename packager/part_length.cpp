#include "packager/part_length.h"

#include <algorithm>

#include "packager/fmp4_writer.h"
#include "packager/packager.h"

namespace millrace::packager {
namespace {

// Parts of a variable rate: design.md §5.
constexpr MediaTime kLongestVariablePart = std::chrono::seconds(1);
// What a playlist prints.
constexpr MediaTime kPrintedUnit = std::chrono::microseconds(10);
constexpr std::int64_t kPrintedUnitsPerSecond = 100'000;

constexpr std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

/// `frames` of a track with `rate` frames per second, rounded up in the last printed digit.
MediaTime printed(std::int64_t frames, Rational rate) {
  return kPrintedUnit *
         divide_up(frames * rate.denominator * kPrintedUnitsPerSecond, rate.numerator);
}

PartLength constant(std::int64_t frames, std::int64_t frames_in_target, Rational rate,
                    std::int64_t timescale) {
  PartLength length;
  length.target = printed(frames_in_target, rate);
  length.wanted = scale_rounded(frames * rate.denominator, timescale, rate.numerator);
  if (rate.denominator * timescale % rate.numerator == 0)
    length.frame = rate.denominator * timescale / rate.numerator;
  return length;
}

PartLength variable(MediaTime longest_frame, MediaTime wish) {
  const MediaTime for_longest = longest_frame * 100 / (100 - kMinPartPercent);
  const MediaTime target = std::clamp(for_longest, wish, std::max(wish, kLongestVariablePart));
  PartLength length;
  length.target = kPrintedUnit * divide_up(target.count(), kPrintedUnit.count());
  return length;
}

}  // namespace

PartLength part_length_of(const TrackInfo& track, MediaTime wish) {
  const std::int64_t timescale = timescale_of(track);
  const bool is_audio = track.kind == MediaKind::kAudio;
  const Rational rate = is_audio ? Rational{track.audio.sample_rate, track.audio.samples_per_frame}
                                 : track.video.frame_rate;
  PartLength length;
  if (is_audio) {
    const std::int64_t fitting = wish.count() * rate.numerator / (rate.denominator * 1'000'000'000);
    const auto frames = std::max<std::int64_t>(1, fitting);
    length = constant(frames, frames + 1, rate, timescale);
  } else if (rate.numerator > 0) {
    const auto frames = std::max<std::int64_t>(
        1, scale_rounded(wish.count(), rate.numerator, rate.denominator * 1'000'000'000));
    length = constant(frames, frames, rate, timescale);
  } else {
    length = variable(track.video.longest_frame, wish);
  }
  length.longest = scale_rounded(length.target.count(), timescale, 1'000'000'000);
  if (from_ticks(length.longest, timescale) > length.target) --length.longest;
  // A printed duration may lose two units to rounding.
  const MediaTime least = length.target * kMinPartPercent / 100 + 2 * kPrintedUnit;
  length.shortest = std::min(length.longest, to_ticks(least, timescale) + 1);
  if (length.wanted == 0) length.wanted = length.shortest;
  return length;
}

MediaTime part_target_for(const TrackInfo& track, MediaTime wish) {
  return part_length_of(track, wish).target;
}

}  // namespace millrace::packager
