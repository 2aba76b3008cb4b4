#include "ingest/auth/webhook_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ingest/auth/publish_name.h"
#include "ingest/srt/listener_address.h"

namespace millrace::ingest {
namespace {

using Json = nlohmann::json;
using Kind = WebhookVerdict::Kind;

constexpr std::size_t kMaxReasonBytes = 200;
constexpr std::size_t kMaxLadderBytes = 64;

WebhookVerdict verdict(Kind kind, std::string message) {
  return {.kind = kind, .grant = {}, .message = std::move(message), .cache = std::nullopt};
}

WebhookVerdict malformed(std::string_view what) {
  return verdict(Kind::kMalformed, fmt::format("the webhook's reply {}", what));
}

/// For a log and an encoder's window.
std::string printable(std::string_view text) {
  std::string result(text.substr(0, kMaxReasonBytes));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
  return result;
}

/// A number, or a text with a unit as in a signed key.
Status read_limit(PublishLimits& limits, const std::string& name, const Json& value) {
  if (value.is_string()) return set_limit(limits, name, value.get_ref<const std::string&>());
  if (value.is_number_unsigned())
    return set_limit(limits, name, std::to_string(value.get<std::uint64_t>()));
  return Error{ErrorCode::kInvalidData, name + " is neither a whole number nor a text"};
}

/// What is wrong with it; empty: nothing.
std::string read_grant(const Json& reply, Grant& grant) {
  if (const auto channel = reply.find("channel"); channel != reply.end()) {
    if (!channel->is_string() || !is_channel_name(channel->get_ref<const std::string&>()))
      return "names no channel that could be";
    grant.channel = channel->get<std::string>();
  }
  if (const auto ladder = reply.find("ladder"); ladder != reply.end()) {
    if (!ladder->is_string() || ladder->get_ref<const std::string&>().size() > kMaxLadderBytes)
      return "has a ladder that is no name";
    grant.ladder = ladder->get<std::string>();
  }
  if (const auto limits = reply.find("limits"); limits != reply.end()) {
    if (!limits->is_object()) return "has limits that are no object";
    for (const auto& [name, value] : limits->items())
      if (const Status status = read_limit(grant.limits, name, value); !status.has_value())
        return "has a wrong limit: " + printable(status.error().message);
  }
  if (const auto passphrase = reply.find("srt_passphrase"); passphrase != reply.end()) {
    const auto* const text = passphrase->get_ptr<const std::string*>();
    if (text == nullptr || !set_encryption(grant.srt, "passphrase", *text).has_value())
      return "has an srt_passphrase that is none";
  }
  return {};
}

WebhookVerdict read_object(const Json& reply) {
  const auto allow = reply.find("allow");
  if (allow == reply.end() || !allow->is_boolean())
    return malformed("has no \"allow\": true or false");
  WebhookVerdict result;
  if (const auto cache = reply.find("cache_seconds"); cache != reply.end()) {
    if (!cache->is_number_unsigned())
      return malformed("has cache_seconds that are no whole number");
    const auto most = static_cast<std::uint64_t>(kLongestWebhookCache.count());
    result.cache = std::chrono::seconds(std::min(cache->get<std::uint64_t>(), most));
  }
  if (!allow->get<bool>()) {
    const auto reason = reply.find("reason");
    result.kind = Kind::kDenied;
    result.message = reason != reply.end() && reason->is_string()
                         ? printable(reason->get_ref<const std::string&>())
                         : "the key is not accepted";
    return result;
  }
  if (const std::string wrong = read_grant(reply, result.grant); !wrong.empty())
    return malformed(wrong);
  result.kind = Kind::kAllowed;
  return result;
}

}  // namespace

WebhookVerdict parse_webhook_reply(int status, std::string_view body) {
  if (status == 401 || status == 403 || status == 404)
    return verdict(Kind::kDenied, "the key is not accepted");
  if (status == 408 || status == 429 || status >= 500)
    return verdict(Kind::kDown, fmt::format("the webhook answers {}", status));
  if (status < 200 || status >= 300)
    return verdict(Kind::kMalformed, fmt::format("the webhook answers {}", status));
  // Neither throws nor recurses.
  const Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object()) return malformed("is no JSON object");
  return read_object(reply);
}

}  // namespace millrace::ingest
