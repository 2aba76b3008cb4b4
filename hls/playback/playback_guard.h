#pragma once
// Who may have what of the origin: finds the channel's rule, and checks the token by it.
//
// Thread: any.
#include <array>

#include "base/clock.h"
#include "base/metrics.h"
#include "hls/playback/judgement.h"
#include "hls/playback/playback_options.h"
#include "hls/playback/playback_path.h"
#include "hls/playback/verified_tokens.h"

namespace millrace::hls {

class PlaybackGuard {
 public:
  /// All outlive it. Counts millrace_playback_refused_total{reason}.
  PlaybackGuard(const PlaybackOptions& options, Metrics& metrics, const Clock& clock);

  bool is_open(std::string_view channel) const;
  /// Let in as well where the channel is open, whatever the token.
  PlaybackJudgement judge(const PlaybackPath& asked, std::string_view channel);

 private:
  const PlaybackRule& rule_of(std::string_view channel) const;
  PlaybackJudgement look_at(const PlaybackPath& asked, std::string_view channel,
                            const PlaybackRule& rule);
  PlaybackJudgement judge_jwt(const PlaybackPath& asked, std::string_view channel,
                              const PlaybackRule& rule);

  const PlaybackOptions& options_;
  const Clock& clock_;
  VerifiedTokens verified_;
  std::array<Counter, kPlaybackRefusals> refused_;
};

}  // namespace millrace::hls
