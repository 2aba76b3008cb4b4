#include "hls/playback/signed_token.h"

#include <catch2/catch.hpp>

#include "hls/playback/playback_options.h"

using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

constexpr auto kNow = 1'800'000'000s;
const std::vector<std::string> kKeys{"0123456789abcdef", "fedcba9876543210"};

PlaybackJudgement judge(std::string_view token, std::string_view channel = "shop") {
  return judge_signed_token(token, channel, kKeys, kNow);
}

}  // namespace

TEST_CASE("a token has the form that others compute", "[playback]") {
  // printf 'play:/live/shop/?expires=1800003600' | openssl dgst -sha256 -hmac 0123456789abcdef
  CHECK(sign_playback("shop", 1'800'003'600s, kKeys[0]) ==
        "1800003600."
        "fec47c5f84b99a4e015b51717bfab149a9eb1a0b76851ba2373893879f0dd8fc");
}

TEST_CASE("any of the keys lets in, to the signed channel", "[playback]") {
  for (const auto& key : kKeys) {
    const auto token = sign_playback("shop", kNow + 1s, key);
    CHECK(judge(token).is_let_in);
    CHECK(judge(token, "shop2").refusal == PlaybackRefusal::kBadSignature);
    CHECK_FALSE(judge(token, "sho").is_let_in);
  }
  const auto foreign = judge(sign_playback("shop", kNow + 1s, "not one of the keys"));
  CHECK_FALSE(foreign.is_let_in);
  CHECK(foreign.refusal == PlaybackRefusal::kBadSignature);
  CHECK_FALSE(judge_signed_token(sign_playback("shop", kNow + 1s, ""), "shop", {}, kNow).is_let_in);
}

TEST_CASE("a token ends with its time, which nobody can move", "[playback]") {
  CHECK(judge(sign_playback("shop", kNow, kKeys[0])).refusal == PlaybackRefusal::kExpired);
  auto moved = sign_playback("shop", kNow, kKeys[0]);
  moved.replace(0, 10, "1900000000");
  CHECK(judge(moved).refusal == PlaybackRefusal::kBadSignature);
}

TEST_CASE("what is no token is told so", "[playback]") {
  const auto token = sign_playback("shop", kNow + 1s, kKeys[0]);
  for (const auto& text :
       {std::string("x"), std::string("."), token.substr(1 + token.find('.')), token + "0",
        token.substr(0, token.size() - 1), "0" + token, "-" + token, token.substr(0, 10)}) {
    CAPTURE(text);
    CHECK_FALSE(judge(text).is_let_in);
    CHECK(judge(text).refusal == PlaybackRefusal::kMalformed);
  }
}
