#include "hls/playback/judgement.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace millrace::hls {

using std::chrono::seconds;

std::string_view to_string(PlaybackRefusal refusal) {
  switch (refusal) {
    case PlaybackRefusal::kMissing:
      return "missing";
    case PlaybackRefusal::kMalformed:
      return "malformed";
    case PlaybackRefusal::kBadSignature:
      return "bad_signature";
    case PlaybackRefusal::kNotYetValid:
      return "not_yet_valid";
    case PlaybackRefusal::kExpired:
      return "expired";
    case PlaybackRefusal::kOtherChannel:
      return "other_channel";
    case PlaybackRefusal::kOtherAudience:
      return "other_audience";
  }
  return "other";
}

seconds parse_unix_time(std::string_view text) {
  constexpr std::size_t kMostDigits = 12;  // Far beyond any date, far below an overflow.
  if (text.empty() || text.size() > kMostDigits) return seconds(-1);
  if (text.size() > 1 && text.front() == '0') return seconds(-1);
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end && number >= 0 ? seconds(number)
                                                                      : seconds(-1);
}

PlaybackJudgement judge_expiry(seconds expires, std::chrono::nanoseconds now) {
  // In seconds: as nanoseconds a date far ahead would overflow.
  const auto past = std::chrono::floor<seconds>(now) - expires;
  if (past < seconds(0)) return let_in();
  return refused(PlaybackRefusal::kExpired,
                 fmt::format("the token expired {} s ago: ask for a new one", past.count()));
}

}  // namespace millrace::hls
