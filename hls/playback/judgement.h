#pragma once
// Whether a request may have what it asks for, and if not, why. Any thread.
#include <chrono>
#include <string>
#include <string_view>

namespace millrace::hls {

/// By which refusals are counted.
enum class PlaybackRefusal {
  kMissing,
  kMalformed,
  kBadSignature,
  kNotYetValid,
  kExpired,
  kOtherChannel,
  kOtherAudience,
};
inline constexpr std::size_t kPlaybackRefusals = 7;

/// A name in the metrics.
std::string_view to_string(PlaybackRefusal refusal);

struct PlaybackJudgement {
  bool is_let_in = false;
  PlaybackRefusal refusal = PlaybackRefusal::kMissing;
  std::string text;  ///< For who asked: "the token has expired 12 s ago".
};

inline PlaybackJudgement let_in() {
  return {.is_let_in = true, .text = {}};
}
inline PlaybackJudgement refused(PlaybackRefusal refusal, std::string text) {
  return {.refusal = refusal, .text = std::move(text)};
}

/// Digits only, as they are signed: no sign, no leading zero, at most twelve; -1 for all else.
std::chrono::seconds parse_unix_time(std::string_view text);

/// From `expires` on it is refused. `now` is since the Unix epoch.
PlaybackJudgement judge_expiry(std::chrono::seconds expires, std::chrono::nanoseconds now);

}  // namespace millrace::hls
