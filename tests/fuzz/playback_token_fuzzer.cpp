// A request's path and query on the first two lines, and a payload on the rest: nothing is let in
// but by a right signature, and behind one too only what the claims say. The payload is tried as it
// is and signed.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "hls/media_path.h"
#include "hls/playback/jwt.h"
#include "hls/playback/playback_guard.h"
#include "tests/support/fake_clock.h"
#include "tests/support/jwt.h"

using namespace millrace;
using namespace millrace::hls;

namespace {

constexpr std::string_view kSecret = "0123456789abcdef";

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

struct Guarded {
  test::FakeClock clock;
  Metrics metrics;
  PlaybackOptions options;
  PlaybackGuard guard;

  Guarded() : options(make_options()), guard(options, metrics, clock) {}

  static PlaybackOptions make_options() {
    PlaybackOptions options;
    options.rule = {.access = PlaybackAccess::kSigned, .signing_keys = {std::string(kSecret)}};
    options.rule.public_keys = {net::parse_public_key(test::kRsaKey).value(),
                                net::parse_public_key(test::kEcKey).value()};
    options.channels["free"] = {.access = PlaybackAccess::kOpen};
    return options;
  }
};

void ask(Guarded& guarded, std::string_view path, std::string_view query) {
  const PlaybackPath asked = parse_playback_path(path, query);
  if (!asked.is_in_query) CHECK(path.ends_with(asked.path));
  const auto location = path_form_of(asked, query);
  CHECK(location.find(asked.path) != std::string::npos);
  const auto media = parse_media_path(asked.path);
  const std::string_view channel = media ? media->channel : "shop";
  const auto judgement = guarded.guard.judge(asked, channel);
  CHECK(judgement.is_let_in == judgement.text.empty());
  if (channel == "free") CHECK(judgement.is_let_in);
  if (asked.token.empty() && channel != "free") CHECK(!judgement.is_let_in);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Guarded guarded;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto path = take_line(text);
  ask(guarded, path, take_line(text));
  const auto token = test::make_jwt(text, kSecret);
  const auto claims = parse_jwt_claims(text);
  const auto judgement =
      guarded.guard.judge({.token = token, .path = "/live/shop/index.m3u8"}, "shop");
  if (!claims.has_value()) CHECK(!judgement.is_let_in && !claims.error().message.empty());
  if (judgement.is_let_in) {
    const auto& names = claims.value().channels;
    CHECK(std::find(names.begin(), names.end(), "shop") != names.end() ||
          std::string_view("/live/shop/index.m3u8").starts_with(claims.value().path));
    CHECK(!claims.value().path.empty() || !names.empty());
  }
  // A header and a signature of the input's own.
  const auto parts = split_jwt(test::make_jwt("{}", kSecret, text));
  if (parts.has_value()) CHECK(parts.value().payload == "{}");
  return 0;
}
