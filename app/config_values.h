#pragma once
// The text of one configuration value: parsed, and printed back for messages and docs. Pure, any
// thread.
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace millrace::app {

enum class ValueKind {
  kBoolean,
  kCount,
  kBytes,
  kBitRate,   ///< Bits per second.
  kDuration,  ///< Nanoseconds.
  kChoice,    ///< One of a few words.
  kChoices,   ///< A list of such.
  kName,      ///< As is_channel_name(): a name that stands in URLs.
  kPath,
  kPaths,         ///< A list of such.
  kText,          ///< One line, or empty.
  kListeners,     ///< A list of ADDRESS:PORT.
  kHosts,         ///< A list of HOST:PORT, where others listen.
  kNetworks,      ///< A list of addresses and networks.
  kSrtListeners,  ///< ADDRESS:PORT, each with a passphrase where there is one.
  kKeys,          ///< A list of publishing keys: secrets.
  kSecret,        ///< A passphrase of SRT, or empty.
  kUrl,           ///< Of HTTP; empty: none.
  kSources,       ///< A list of URLs to pull from: they have secrets in them.
};

/// By kind: bool; a number in the kind's unit; text; a list of text.
using Value = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

/// Of a number, or of a list's length.
struct Bounds {
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

struct ValueRule {
  ValueKind kind = ValueKind::kCount;
  Bounds bounds{};
  std::string_view choices{};  ///< Of a kChoice, kChoices: "balanced realtime".
};

constexpr bool is_list(ValueKind kind) {
  return kind == ValueKind::kListeners || kind == ValueKind::kHosts ||
         kind == ValueKind::kNetworks || kind == ValueKind::kSrtListeners ||
         kind == ValueKind::kKeys || kind == ValueKind::kSources || kind == ValueKind::kChoices ||
         kind == ValueKind::kPaths;
}

/// A scalar, or one entry of a list. The error says what is wrong and the remedy; it quotes the
/// text but for kKeys, kSecret, kSources and kSrtListeners.
Result<Value> parse_value(const ValueRule& rule, std::string_view text);

/// As it would be written in the file: "200ms", "4GiB", `["0.0.0.0:8080"]`; empty text as `""`.
std::string print_value(ValueKind kind, const Value& value);

/// "100ms to 1s", "balanced or realtime"; empty where the kind says it all.
std::string print_bounds(const ValueRule& rule);

/// "duration", "list of ADDRESS:PORT".
std::string_view name_of(ValueKind kind);

/// What to write instead: "a whole number with ms, s, m or h, such as 200ms".
std::string_view remedy_for(ValueKind kind);

/// Text for a message: one line, control characters replaced, cut at 60 bytes.
std::string quote(std::string_view text);

}  // namespace millrace::app
