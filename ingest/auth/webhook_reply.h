#pragma once
// What a webhook answered to "may this be published?". Input from outside: bounded, never trusted.
// Pure, any thread.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/ingest.h"

namespace millrace::ingest {

struct WebhookVerdict {
  enum class Kind {
    kAllowed,
    kDenied,
    kDown,       ///< It could not be asked, or says that it cannot answer now.
    kMalformed,  ///< It answered what is no answer.
  };
  Kind kind = Kind::kMalformed;
  Grant grant;          ///< Of kAllowed; no channel: that of the request.
  std::string message;  ///< Of the others: for the log, and where denied for the encoder.
  std::optional<std::chrono::seconds> cache;  ///< As it wishes.
};

/// Longer than any show.
inline constexpr std::chrono::seconds kLongestWebhookCache = std::chrono::hours(1);

/// 2xx with a JSON object {"allow": true|false, …} (docs/publishing.md); 401, 403 and 404 deny;
/// 408, 429 and 5xx are kDown; all else is kMalformed.
WebhookVerdict parse_webhook_reply(int status, std::string_view body);

}  // namespace millrace::ingest
