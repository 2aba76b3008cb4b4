#pragma once
// What tokens said whose signature took long to check, so that it is checked once for all of a
// viewer's requests.
//
// Thread: any; one short lock.
#include <cstddef>
#include <map>
#include <memory>
#include <string_view>

#include "base/metrics.h"
#include "base/mutex.h"
#include "hls/playback/jwt.h"
#include "net/digest.h"

namespace millrace::hls {

class VerifiedTokens {
 public:
  /// At most `capacity` of them: when half of that is new, what was not asked for meanwhile goes.
  VerifiedTokens(std::size_t capacity, Metrics& metrics);

  /// Null where it is not known. By its SHA-256, so that the time says nothing of those there are.
  std::shared_ptr<const JwtClaims> find(const PlaybackRule& rule, std::string_view token);
  /// Checked by the rule's keys, and by no other's. The rule outlives this.
  void add(const PlaybackRule& rule, std::string_view token,
           std::shared_ptr<const JwtClaims> claims);

 private:
  using Key = std::pair<const PlaybackRule*, net::Sha256>;
  using Claims = std::map<Key, std::shared_ptr<const JwtClaims>>;

  void insert(Key key, std::shared_ptr<const JwtClaims> claims) REQUIRES(mutex_);

  const std::size_t half_;
  Gauge gauge_;
  Mutex mutex_;
  Claims newer_ GUARDED_BY(mutex_);
  Claims older_ GUARDED_BY(mutex_);
};

}  // namespace millrace::hls
