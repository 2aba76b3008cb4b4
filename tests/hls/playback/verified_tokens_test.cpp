#include "hls/playback/verified_tokens.h"

#include <catch2/catch.hpp>
#include <string>

using namespace millrace;
using namespace millrace::hls;

TEST_CASE("what is known is known for the keys that it was checked by", "[playback]") {
  Metrics metrics;
  VerifiedTokens tokens(10, metrics);
  const PlaybackRule rule, other;
  const auto claims = std::make_shared<const JwtClaims>();
  CHECK(tokens.find(rule, "a") == nullptr);
  tokens.add(rule, "a", claims);
  CHECK(tokens.find(rule, "a") == claims);
  CHECK(tokens.find(rule, "b") == nullptr);
  CHECK(tokens.find(other, "a") == nullptr);
}

TEST_CASE("there are never more than there is room for, and what is used stays", "[playback]") {
  Metrics metrics;
  constexpr std::size_t kRoom = 10;
  VerifiedTokens tokens(kRoom, metrics);
  const PlaybackRule rule;
  const auto claims = std::make_shared<const JwtClaims>();
  tokens.add(rule, "used", claims);
  auto gauge = metrics.gauge("millrace_playback_verified_tokens",
                             "Tokens by public keys whose signature is remembered as right.");
  for (int i = 0; i < 100; ++i) {
    tokens.add(rule, std::to_string(i), claims);
    CHECK(tokens.find(rule, "used") == claims);
    CHECK(gauge.value() <= kRoom);
  }
  CHECK(tokens.find(rule, "99") == claims);
  CHECK(tokens.find(rule, "0") == nullptr);
}
