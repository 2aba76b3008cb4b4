#include "ingest/srt/listener_address.h"

#include <algorithm>

namespace millrace::ingest {
namespace {

// SRTO_PASSPHRASE of libsrt.
constexpr std::size_t kShortestPassphrase = 10;
constexpr std::size_t kLongestPassphrase = 79;

Error invalid(const char* what) {
  return {ErrorCode::kInvalidData, what};
}

}  // namespace

Status set_encryption(SrtEncryption& encryption, std::string_view name, std::string_view value) {
  if (name == "passphrase") {
    const bool is_good =
        value.size() >= kShortestPassphrase && value.size() <= kLongestPassphrase &&
        std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!is_good)
      return invalid("a passphrase is 10 to 79 printable ASCII characters without spaces");
    encryption.passphrase = value;
    return ok();
  }
  if (name == "key_length") {
    for (const int length : {16, 24, 32}) {
      if (value != std::to_string(length)) continue;
      encryption.key_length = length;
      return ok();
    }
    return invalid("a key_length is 16, 24 or 32 bytes");
  }
  return Error{ErrorCode::kUnsupported, "the parameters are passphrase and key_length"};
}

Result<SrtListenerAddress> parse_srt_listener(std::string_view entry) {
  SrtListenerAddress listener;
  const auto question = std::min(entry.find('?'), entry.size());
  listener.address = entry.substr(0, question);
  entry.remove_prefix(std::min(question + 1, entry.size()));
  while (!entry.empty()) {
    const std::string_view pair = entry.substr(0, entry.find('&'));
    entry.remove_prefix(std::min(pair.size() + 1, entry.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    RETURN_IF_ERROR(set_encryption(listener.encryption, pair.substr(0, equals),
                                   pair.substr(std::min(equals + 1, pair.size()))));
  }
  if (listener.encryption.key_length > 0 && listener.encryption.passphrase.empty())
    return invalid("a key_length needs a passphrase beside it");
  return listener;
}

Status check_srt_listener(std::string_view entry) {
  const auto parsed = parse_srt_listener(entry);
  return parsed.has_value() ? ok() : Status(parsed.error());
}

}  // namespace millrace::ingest
