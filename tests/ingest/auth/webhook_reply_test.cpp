#include "ingest/auth/webhook_reply.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;
using Kind = WebhookVerdict::Kind;

TEST_CASE("a webhook's reply can name the channel, its ladder, limits and its own time",
          "[webhook]") {
  const auto verdict = parse_webhook_reply(200, R"({"allow": true, "channel": "shop",
    "ladder": "small", "limits": {"bitrate": "6M", "height": 1080, "session": "2h"},
    "srt_passphrase": "correct-horse", "cache_seconds": 60, "anything": [1, 2]})");
  REQUIRE(verdict.kind == Kind::kAllowed);
  CHECK(verdict.grant.channel == "shop");
  CHECK(verdict.grant.ladder == "small");
  CHECK(verdict.grant.limits.bits_per_second == 6'000'000);
  CHECK(verdict.grant.limits.height == 1080);
  CHECK(verdict.grant.limits.session == 2h);
  CHECK(verdict.grant.srt.passphrase == "correct-horse");
  CHECK(verdict.cache == 60s);
}

TEST_CASE("a webhook's shortest answer is yes or no", "[webhook]") {
  const auto yes = parse_webhook_reply(201, R"({"allow":true})");
  CHECK(yes.kind == Kind::kAllowed);
  CHECK(yes.grant == Grant{});
  CHECK_FALSE(yes.cache.has_value());
  CHECK(parse_webhook_reply(200, R"({"allow":false})").kind == Kind::kDenied);
  for (const int status : {401, 403, 404})
    CHECK(parse_webhook_reply(status, "whatever").kind == Kind::kDenied);
}

TEST_CASE("a reason is shown as it is printable, and no longer than a line", "[webhook]") {
  const auto denied = parse_webhook_reply(
      200, "{\"allow\":false,\"reason\":\"not\\nyours " + std::string(500, 'x') + "\"}");
  CHECK(denied.message.starts_with("not.yours xxx"));
  CHECK(denied.message.size() == 200);
}

TEST_CASE("a server in trouble is down, whatever it says", "[webhook]") {
  for (const int status : {408, 429, 500, 502, 503, 599})
    CHECK(parse_webhook_reply(status, R"({"allow":true})").kind == Kind::kDown);
}

TEST_CASE("what is no answer lets nobody in", "[webhook]") {
  const std::pair<int, std::string> lies[] = {
      {200, ""},
      {200, "OK"},
      {200, "true"},
      {200, "[]"},
      {200, "{}"},
      {200, R"({"allow":"true"})"},
      {200, R"({"allow":1})"},
      {200, R"({"allow":true)"},
      {200, R"({"allow":true,"channel":"../etc"})"},
      {200, R"({"allow":true,"channel":""})"},
      {200, R"({"allow":true,"channel":7})"},
      {200, R"({"allow":true,"ladder":{}})"},
      {200, R"({"allow":true,"limits":[]})"},
      {200, R"({"allow":true,"limits":{"bitrate":-1}})"},
      {200, R"({"allow":true,"limits":{"bitrate":1e300}})"},
      {200, R"({"allow":true,"limits":{"bitrate":"fast"}})"},
      {200, R"({"allow":true,"limits":{"colour":"red"}})"},
      {200, R"({"allow":true,"srt_passphrase":"short"})"},
      {200, R"({"allow":true,"cache_seconds":"long"})"},
      {200, R"({"allow":true,"cache_seconds":-5})"},
      {200, std::string(60'000, '[')},
      {200, "{\"allow\":true,\"x\":" + std::string(30'000, '[') + std::string(30'000, ']') + "x}"},
      {302, R"({"allow":true})"},
      {100, R"({"allow":true})"},
      {418, R"({"allow":true})"}};
  for (const auto& [status, body] : lies) {
    CAPTURE(status, body.substr(0, 80));
    const auto verdict = parse_webhook_reply(status, body);
    CHECK(verdict.kind == Kind::kMalformed);
    CHECK_FALSE(verdict.message.empty());
  }
}

TEST_CASE("a webhook's wish for a cache ends at an hour", "[webhook]") {
  CHECK(parse_webhook_reply(200, R"({"allow":true,"cache_seconds":99999999999})").cache == 3600s);
  CHECK(parse_webhook_reply(200, R"({"allow":false,"cache_seconds":0})").cache == 0s);
}
