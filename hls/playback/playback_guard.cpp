#include "hls/playback/playback_guard.h"

#include <algorithm>
#include <utility>

#include "hls/playback/jwt.h"
#include "hls/playback/signed_token.h"

namespace millrace::hls {
namespace {

// Viewers of one machine at one time. A token's claims take some 300 bytes.
constexpr std::size_t kVerifiedTokens = 20'000;
// Twice what RS256 with a 4096-bit key and a list of channels takes.
constexpr std::size_t kMostTokenBytes = 4096;

template <std::size_t... index>
std::array<Counter, kPlaybackRefusals> make_counters(Metrics& metrics,
                                                     std::index_sequence<index...>) {
  return {metrics.counter(
      "millrace_playback_refused_total", "Requests of viewers that were refused with 403.",
      {{"reason", std::string(to_string(static_cast<PlaybackRefusal>(index)))}})...};
}

}  // namespace

PlaybackGuard::PlaybackGuard(const PlaybackOptions& options, Metrics& metrics, const Clock& clock)
    : options_(options),
      clock_(clock),
      verified_(kVerifiedTokens, metrics),
      refused_(make_counters(metrics, std::make_index_sequence<kPlaybackRefusals>())) {}

const PlaybackRule& PlaybackGuard::rule_of(std::string_view channel) const {
  const auto found = options_.channels.find(channel);
  return found == options_.channels.end() ? options_.rule : found->second;
}

bool PlaybackGuard::is_open(std::string_view channel) const {
  return rule_of(channel).access == PlaybackAccess::kOpen;
}

PlaybackJudgement PlaybackGuard::judge(const PlaybackPath& asked, std::string_view channel) {
  const PlaybackRule& rule = rule_of(channel);
  if (rule.access == PlaybackAccess::kOpen) return let_in();
  auto judgement = look_at(asked, channel, rule);
  if (!judgement.is_let_in) refused_[static_cast<std::size_t>(judgement.refusal)].increment();
  return judgement;
}

PlaybackJudgement PlaybackGuard::look_at(const PlaybackPath& asked, std::string_view channel,
                                         const PlaybackRule& rule) {
  if (asked.token.empty())
    return refused(PlaybackRefusal::kMissing, "this channel plays with a signed URL only");
  if (asked.token.size() > kMostTokenBytes)
    return refused(PlaybackRefusal::kMalformed, "the token is too long");
  // A JWT has two dots.
  if (std::count(asked.token.begin(), asked.token.end(), '.') > 1)
    return judge_jwt(asked, channel, rule);
  return judge_signed_token(asked.token, channel, rule.signing_keys, clock_.wall_now());
}

PlaybackJudgement PlaybackGuard::judge_jwt(const PlaybackPath& asked, std::string_view channel,
                                           const PlaybackRule& rule) {
  std::shared_ptr<const JwtClaims> claims;
  // Only signatures by public keys are worth remembering: checking one of ES256 takes longer than
  // all the rest of a request.
  if (!rule.public_keys.empty()) claims = verified_.find(rule, asked.token);
  if (!claims) {
    const auto parts = split_jwt(asked.token);
    if (!parts.has_value())
      return refused(PlaybackRefusal::kMalformed, "the token: " + parts.error().message);
    if (!is_signed_by(rule, parts.value()))
      return refused(PlaybackRefusal::kBadSignature, "the token's signature is wrong");
    // Past here somebody who holds a key made it; mistakes in it are told.
    auto parsed = parse_jwt_claims(parts.value().payload);
    if (!parsed.has_value())
      return refused(PlaybackRefusal::kMalformed, "the token: " + parsed.error().message);
    claims = std::make_shared<const JwtClaims>(std::move(parsed).value());
    if (parts.value().algorithm != JwtAlgorithm::kHs256) verified_.add(rule, asked.token, claims);
  }
  return judge_jwt_claims(*claims, channel, asked.path, options_.audience, clock_.wall_now());
}

}  // namespace millrace::hls
