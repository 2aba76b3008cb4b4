#pragma once
// Appends the pieces that playlists are made of to one string. Pure; any thread.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "media/media_time.h"

namespace millrace::hls::playlist {

/// Durations as printed, in steps of 10 µs (five decimals): they are added up and compared in
/// these steps, so that the sums of what a client reads are right as well.
using PrintedTime = std::int64_t;
inline constexpr std::int64_t kStepsPerSecond = 100'000;
inline constexpr std::int64_t kNanosecondsPerStep = 10'000;

/// To nearest.
constexpr PrintedTime to_printed(MediaTime time) {
  return scale_rounded(time.count(), 1, kNanosecondsPerStep);
}
constexpr MediaTime from_printed(PrintedTime time) {
  return MediaTime(time * kNanosecondsPerStep);
}

class Text {
 public:
  explicit Text(std::size_t expected_bytes) { text_.reserve(expected_bytes); }

  Text& operator<<(std::string_view piece) {
    text_.append(piece);
    return *this;
  }
  Text& operator<<(std::uint64_t number);
  /// "2.00000"; not negative.
  Text& seconds(PrintedTime time);
  /// "2026-05-01T12:00:00.000Z", to the nearest millisecond.
  Text& date(MediaTime since_epoch);

  std::string take() { return std::move(text_); }

 private:
  void padded(std::uint64_t number, int digits);

  std::string text_;
};

}  // namespace millrace::hls::playlist
