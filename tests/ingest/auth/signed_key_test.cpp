#include "ingest/auth/signed_key.h"

#include <catch2/catch.hpp>

#include "net/digest.h"

using namespace millrace;
using namespace millrace::ingest;
using namespace std::chrono_literals;

namespace {

constexpr auto kNow = 1'800'000'000s;
const std::string kSecret = "0123456789abcdef";

Decision judged(const std::string& key, const std::vector<std::string>& secrets = {kSecret},
                std::chrono::nanoseconds now = kNow) {
  const auto name = parse_publish_name(key);
  REQUIRE(name.has_value());
  REQUIRE(name.value().find("sig") != nullptr);
  return judge_signed_key(name.value(), secrets, now);
}

/// Any text, with its right signature.
std::string signed_as(const std::string& text) {
  return text + "&sig=" + signature_of(text, kSecret);
}

}  // namespace

TEST_CASE("a signed key opens its channel until it expires", "[auth]") {
  const std::string key = sign_key("shop", kNow + 60s, {}, kSecret);
  // python3 -c 'import hmac; print(hmac.new(b"0123456789abcdef",
  //   b"publish:shop?expires=1800000060", "sha256").hexdigest())'
  CHECK(key ==
        "shop?expires=1800000060&sig="
        "961497c1b457cfe0f348df844924bae7611cd72b9bf0a85bbe9a211465d4b374");
  const auto good = judged(key);
  REQUIRE(good.grant.has_value());
  CHECK(good.grant->channel == "shop");
  CHECK(good.grant->limits == PublishLimits{});
  CHECK(judged(key, {kSecret}, kNow + 59'999ms).grant.has_value());
  const auto late = judged(key, {kSecret}, kNow + 65s);
  CHECK_FALSE(late.grant.has_value());
  CHECK(late.why == Why::kExpired);
  CHECK(late.message == "it expired 5 s ago");
  CHECK(judged(key, {kSecret}, kNow + 60s).why == Why::kExpired);
}

TEST_CASE("a signed key may be good for thousands of years", "[auth]") {
  CHECK(judged(sign_key("shop", 999'999'999'999s, {}, kSecret)).grant.has_value());
}

TEST_CASE("a signed key carries its limits", "[auth]") {
  const PublishLimits limits{
      .bits_per_second = 6'000'000, .width = 1920, .height = 1080, .frame_rate = 60, .session = 2h};
  CHECK(judged(sign_key("shop", kNow + 1s, limits, kSecret)).grant->limits == limits);
  CHECK(judged(signed_as("shop?bitrate=6M&expires=1800000001")).grant->limits.bits_per_second ==
        6'000'000);
}

TEST_CASE("whatever is changed in a signed key, its signature is wrong", "[auth]") {
  const std::string key = sign_key("shop", kNow + 60s, {.bits_per_second = 1'000'000}, kSecret);
  const auto signature_at = key.find("sig=") + 4;
  for (std::size_t i = 0; i < key.size(); ++i) {
    // Without the '?' or "&sig=" it is no signed key any more.
    if (key[i] == '?' || (i + 5 >= signature_at && i < signature_at)) continue;
    std::string tampered = key;
    tampered[i] = tampered[i] == '1' ? '2' : '1';
    INFO(tampered);
    const auto decision = judged(tampered);
    CHECK_FALSE(decision.grant.has_value());
    CHECK(decision.why == Why::kBadSignature);
  }
  for (const std::string& tail : {std::string("0"), std::string("%00")})
    CHECK(judged(key + tail).why == Why::kBadSignature);
  CHECK(judged("shop?expires=1800000060&sig=").why == Why::kBadSignature);
  CHECK(judged("shop?sig=" + key.substr(signature_at)).why == Why::kBadSignature);
}

TEST_CASE("a signature of another purpose with the same secret opens nothing", "[auth]") {
  const std::string text = "shop?expires=1800000060";
  const std::string plain = net::to_hex(net::hmac_sha256(kSecret, text));
  CHECK(judged(text + "&sig=" + plain).why == Why::kBadSignature);
}

TEST_CASE("parameters behind the signature change nothing", "[auth]") {
  const std::string key = sign_key("shop", kNow + 60s, {.bits_per_second = 1'000'000}, kSecret);
  CHECK(judged(key + "&bitrate=9M&expires=1900000000").grant->limits.bits_per_second == 1'000'000);
}

TEST_CASE("secrets rotate: any of them signs, and one that is gone does not", "[auth]") {
  const std::string key = sign_key("shop", kNow + 60s, {}, kSecret);
  CHECK(judged(key, {"another-secret-1", kSecret}).grant.has_value());
  CHECK(judged(key, {kSecret, "another-secret-1"}).grant.has_value());
  CHECK(judged(key, {"another-secret-1"}).why == Why::kBadSignature);
  CHECK(judged(key, {}).why == Why::kBadSignature);
}

TEST_CASE("a right signature under something that is not understood opens nothing", "[auth]") {
  for (const auto* text : {"shop?x=1", "shop?expires=", "shop?expires=soon", "shop?expires=-1",
                           "shop?expires=9999999999999", "shop?expires=1800000060&colour=red",
                           "shop?expires=1800000060&bitrate=fast", "../etc?expires=1800000060",
                           "Shop?expires=1800000060"}) {
    INFO(text);
    const auto decision = judged(signed_as(text));
    CHECK_FALSE(decision.grant.has_value());
    CHECK(decision.why == Why::kMalformed);
    CHECK_FALSE(decision.message.empty());
  }
}
