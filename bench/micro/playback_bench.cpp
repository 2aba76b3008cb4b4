// What a viewer's request costs more where playback is signed, by the kind of its token: made by
// the last of so many keys, or by a public key, when its signature is remembered and when not.
#include <benchmark/benchmark.h>

#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "hls/playback/jwt.h"
#include "hls/playback/playback_guard.h"
#include "tests/support/fake_clock.h"
#include "tests/support/jwt.h"

namespace {

using namespace millrace;
using namespace millrace::hls;

constexpr std::string_view kKey =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
constexpr auto kExpires = std::chrono::seconds(1'800'000'000);

PlaybackOptions options_with(std::size_t keys) {
  PlaybackOptions options;
  options.rule.access = PlaybackAccess::kSigned;
  options.rule.signing_keys.assign(keys - 1, std::string(64, 'x'));
  options.rule.signing_keys.emplace_back(kKey);
  return options;
}

void judge(benchmark::State& state, const PlaybackOptions& options, std::string_view token) {
  test::FakeClock clock;
  Metrics metrics;
  PlaybackGuard guard(options, metrics, clock);
  const std::string path = "/s/" + std::string(token) + "/live/shop/720p/p19e0c2f5a10-12151.m4s";
  for (auto _ : state) {
    const auto asked = parse_playback_path(path, "");
    const auto judgement = guard.judge(asked, "shop");
    if (!judgement.is_let_in) return state.SkipWithError("it was refused");
  }
}

void signed_token(benchmark::State& state) {
  const auto token = sign_playback("shop", kExpires, kKey);
  judge(state, options_with(static_cast<std::size_t>(state.range(0))), token);
}
BENCHMARK(signed_token)->Arg(1)->Arg(2)->Arg(8);

void jwt_of_a_secret(benchmark::State& state) {
  const auto token = test::make_jwt(R"({"exp":1800000000,"channel":"shop"})", kKey,
                                    R"({"alg":"HS256","typ":"JWT"})");
  judge(state, options_with(static_cast<std::size_t>(state.range(0))), token);
}
BENCHMARK(jwt_of_a_secret)->Arg(1)->Arg(2);

void jwt_of_a_public_key(benchmark::State& state) {
  auto options = options_with(1);
  options.rule.public_keys = {net::parse_public_key(test::kRsaKey).value(),
                              net::parse_public_key(test::kEcKey).value()};
  judge(state, options, state.range(0) == 0 ? test::kRs256Token : test::kEs256Token);
}
BENCHMARK(jwt_of_a_public_key)->ArgName("es256")->Arg(0)->Arg(1);

void signature_of_a_public_key(benchmark::State& state) {
  const bool is_rsa = state.range(0) == 0;
  const auto key = net::parse_public_key(is_rsa ? test::kRsaKey : test::kEcKey).value();
  const auto parts = split_jwt(is_rsa ? test::kRs256Token : test::kEs256Token);
  for (auto _ : state)
    if (!key->verifies(parts.value().signed_text, parts.value().signature))
      return state.SkipWithError("it is wrong");
}
BENCHMARK(signature_of_a_public_key)->ArgName("es256")->Arg(0)->Arg(1);

}  // namespace
