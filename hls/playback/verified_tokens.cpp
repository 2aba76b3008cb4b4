#include "hls/playback/verified_tokens.h"

#include <algorithm>
#include <utility>

namespace millrace::hls {

VerifiedTokens::VerifiedTokens(std::size_t capacity, Metrics& metrics)
    : half_(std::max<std::size_t>(1, capacity / 2)),
      gauge_(metrics.gauge("millrace_playback_verified_tokens",
                           "Tokens by public keys whose signature is remembered as right.")) {}

std::shared_ptr<const JwtClaims> VerifiedTokens::find(const PlaybackRule& rule,
                                                      std::string_view token) {
  const Key key(&rule, net::sha256(token));
  const MutexLock lock(mutex_);
  if (const auto found = newer_.find(key); found != newer_.end()) return found->second;
  const auto found = older_.find(key);
  if (found == older_.end()) return nullptr;
  auto claims = found->second;
  older_.erase(found);
  insert(key, claims);
  return claims;
}

void VerifiedTokens::add(const PlaybackRule& rule, std::string_view token,
                         std::shared_ptr<const JwtClaims> claims) {
  const Key key(&rule, net::sha256(token));
  const MutexLock lock(mutex_);
  older_.erase(key);
  insert(key, std::move(claims));
}

void VerifiedTokens::insert(Key key, std::shared_ptr<const JwtClaims> claims) {
  newer_.insert_or_assign(key, std::move(claims));
  if (newer_.size() >= half_) older_ = std::exchange(newer_, {});
  gauge_.set(static_cast<double>(newer_.size() + older_.size()));
}

}  // namespace millrace::hls
