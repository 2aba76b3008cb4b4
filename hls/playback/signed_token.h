#pragma once
// Tokens "EXPIRES.HEX" (playback_options.h). Input from outside. Pure; any thread.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "hls/playback/judgement.h"

namespace millrace::hls {

/// Whether any of `signing_keys` has made it for the channel, and it has not expired.
PlaybackJudgement judge_signed_token(std::string_view token, std::string_view channel,
                                     const std::vector<std::string>& signing_keys,
                                     std::chrono::nanoseconds now);

}  // namespace millrace::hls
