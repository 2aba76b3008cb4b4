#pragma once
// What a publisher typed in the key's place: NAME, or NAME?parameter=value&… Pure, any thread.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

/// SRT's stream id has 512 bytes; more is nothing that an encoder's form was given.
inline constexpr std::size_t kMaxPublishNameBytes = 1024;

struct PublishName {
  std::string name;  ///< A channel's, or a key: what stands in front of the first '?'.
  /// In their order, names unique, values percent-decoded. Those behind `sig` are left out: nothing
  /// vouches for them.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string_view signed_text;  ///< All in front of "&sig=", as it came; empty without `sig`.

  /// Null: not there.
  const std::string* find(std::string_view parameter) const;
};

/// What is no escape stays as it is.
std::string percent_decoded(std::string_view text);

/// kInvalidData: too long, no name, or a parameter twice. `text` outlives the result. What is no
/// parameter (without '=') is left out, as encoders append things of their own.
Result<PublishName> parse_publish_name(std::string_view text);

/// Sets the limit `name` (bitrate, width, height, frame_rate, session) to a whole number with an
/// optional unit: k or M of a bit rate, s, m or h of a session. kUnsupported: no such limit;
/// kInvalidData: no such value.
Status set_limit(PublishLimits& limits, std::string_view name, std::string_view value);

/// "bitrate=6000000&session=7200" of those that are set, in the order above.
std::string print_limits(const PublishLimits& limits);

/// Of each limit the stricter one.
PublishLimits stricter(const PublishLimits& a, const PublishLimits& b);

}  // namespace millrace::ingest
