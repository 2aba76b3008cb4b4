#include "hls/playback/playback_guard.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"
#include "tests/support/jwt.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kKey = "0123456789abcdef";
constexpr std::string_view kFarmKey = "fedcba9876543210";

struct Fixture {
  test::FakeClock clock;
  Metrics metrics;
  PlaybackOptions options;
  std::optional<PlaybackGuard> guard;

  Fixture() {
    options.rule = {.access = PlaybackAccess::kSigned, .signing_keys = {std::string(kKey)}};
    options.rule.public_keys = {net::parse_public_key(test::kEcKey).value()};
    options.channels["farm"] = {.access = PlaybackAccess::kSigned,
                                .signing_keys = {std::string(kFarmKey)}};
    options.channels["free"] = {.access = PlaybackAccess::kOpen};
    guard.emplace(options, metrics, clock);
  }

  PlaybackJudgement judge(std::string_view token, std::string_view channel) {
    const std::string path = "/live/" + std::string(channel) + "/index.m3u8";
    return guard->judge({.token = token, .path = path}, channel);
  }
  double refused(const std::string& reason) {
    return metrics
        .counter("millrace_playback_refused_total",
                 "Requests of viewers that were refused with 403.", {{"reason", reason}})
        .value();
  }
  std::chrono::seconds in(std::chrono::seconds time) {
    return std::chrono::floor<std::chrono::seconds>(clock.wall_now()) + time;
  }
};

}  // namespace

TEST_CASE("nothing is asked for unless it is configured", "[playback]") {
  test::FakeClock clock;
  Metrics metrics;
  const PlaybackOptions options;
  PlaybackGuard guard(options, metrics, clock);
  CHECK(guard.is_open("shop"));
  CHECK(guard.judge({.token = "", .path = "/live/shop/index.m3u8"}, "shop").is_let_in);
  CHECK(guard.judge({.token = "junk", .path = "/live/shop/index.m3u8"}, "shop").is_let_in);
}

TEST_CASE("a channel's own keys are in the place of the others", "[playback]") {
  Fixture f;
  CHECK(f.judge(sign_playback("shop", f.in(10s), kKey), "shop").is_let_in);
  CHECK(f.judge(sign_playback("farm", f.in(10s), kFarmKey), "farm").is_let_in);
  CHECK_FALSE(f.judge(sign_playback("farm", f.in(10s), kKey), "farm").is_let_in);
  CHECK_FALSE(f.judge(sign_playback("shop", f.in(10s), kFarmKey), "shop").is_let_in);
  CHECK_FALSE(f.guard->is_open("farm"));
  CHECK(f.guard->is_open("free"));
  CHECK(f.judge("", "free").is_let_in);
}

TEST_CASE("refusals are counted by their reason", "[playback]") {
  Fixture f;
  CHECK_FALSE(f.judge("", "shop").is_let_in);
  CHECK_FALSE(f.judge("junk", "shop").is_let_in);
  CHECK_FALSE(f.judge(std::string(5000, '.'), "shop").is_let_in);
  CHECK_FALSE(f.judge(sign_playback("farm", f.in(1s), kKey), "shop").is_let_in);
  CHECK_FALSE(f.judge(sign_playback("shop", f.in(0s), kKey), "shop").is_let_in);
  CHECK_FALSE(
      f.judge(test::make_jwt(R"({"exp":9000000000,"channel":"farm"})", kKey), "shop").is_let_in);
  CHECK_FALSE(f.judge(test::make_jwt(R"({"channel":"shop"})", kKey), "shop").is_let_in);
  CHECK(f.refused("missing") == 1);
  CHECK(f.refused("malformed") == 3);
  CHECK(f.refused("bad_signature") == 1);
  CHECK(f.refused("expired") == 1);
  CHECK(f.refused("other_channel") == 1);
}

TEST_CASE("a token ends while it is used, also one whose signature is remembered", "[playback]") {
  Fixture f;
  f.clock.step_wall(1'799'999'990s - f.clock.wall_now());
  const auto token = sign_playback("shop", f.in(10s), kKey);
  for (int i = 0; i < 2; ++i) {
    CHECK(f.judge(token, "shop").is_let_in);
    CHECK(f.judge(test::kEs256Token, "shop").is_let_in);
    CHECK(f.judge(test::kEs256Token, "other").refusal == PlaybackRefusal::kOtherChannel);
  }
  CHECK(f.judge(test::kEs256Token, "farm").refusal == PlaybackRefusal::kBadSignature);
  f.clock.advance(10s);
  CHECK(f.judge(token, "shop").refusal == PlaybackRefusal::kExpired);
  CHECK(f.judge(test::kEs256Token, "shop").refusal == PlaybackRefusal::kExpired);
}
