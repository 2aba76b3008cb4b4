// Any status and any bytes as a webhook's reply: a grant that a channel can be made of, or why not.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "ingest/auth/webhook_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::ingest;
  using Kind = WebhookVerdict::Kind;
  if (size < 2) return 0;
  const int status = bytes[0] | bytes[1] << 8;
  const auto verdict =
      parse_webhook_reply(status, {reinterpret_cast<const char*>(bytes) + 2, size - 2});
  const bool is_success = status >= 200 && status < 300;
  if (verdict.cache) CHECK(verdict.cache->count() >= 0 && *verdict.cache <= kLongestWebhookCache);
  if (verdict.kind == Kind::kAllowed) {
    CHECK(is_success);
    CHECK(verdict.grant.channel.empty() || is_channel_name(verdict.grant.channel));
    CHECK(verdict.grant.limits.bits_per_second >= 0 && verdict.grant.limits.session.count() >= 0);
    return 0;
  }
  CHECK(!verdict.message.empty() || verdict.kind == Kind::kDenied);
  CHECK(std::none_of(verdict.message.begin(), verdict.message.end(),
                     [](char c) { return c >= 0 && c < ' '; }));
  return 0;
}
