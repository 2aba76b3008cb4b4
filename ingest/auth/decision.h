#pragma once
// What one of the ways in says of a publisher: a grant, or why not.
#include <optional>
#include <string>

#include "ingest/ingest.h"

namespace millrace::ingest {

/// The label `why` of millrace_auth_denied_total.
enum class Why { kMalformed, kUnknownKey, kAmbiguous, kBadSignature, kExpired, kSlowed, kWebhook };

struct Decision {
  std::optional<Grant> grant;
  Why why = Why::kUnknownKey;  ///< Without a grant. kUnknownKey: another way in may know better.
  std::string message;         ///< For the log and the encoder; never has the key in it.
};

inline Decision denied(Why why, std::string message) {
  return {.grant = std::nullopt, .why = why, .message = std::move(message)};
}

inline Decision granted(std::string channel, const PublishLimits& limits, SrtEncryption srt = {}) {
  return {
      .grant =
          Grant{
              .channel = std::move(channel), .ladder = {}, .limits = limits, .srt = std::move(srt)},
      .why = Why::kUnknownKey,
      .message = {}};
}

}  // namespace millrace::ingest
