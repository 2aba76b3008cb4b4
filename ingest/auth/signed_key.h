#pragma once
// Signed keys: CHANNEL?expires=UNIXSECONDS[&LIMIT=VALUE…]&sig=HEX, where sig is the HMAC-SHA256 of
// "publish:" and everything in front of "&sig=". Pure, any thread.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/auth/decision.h"
#include "ingest/auth/publish_name.h"

namespace millrace::ingest {

/// "64 hexadecimal digits" for `sig`. `text`: "shop?expires=1800000000".
std::string signature_of(std::string_view text, std::string_view signing_key);

/// `name` has a `sig`. Any of `signing_keys` may have made it. `now` is since the Unix epoch.
Decision judge_signed_key(const PublishName& name, const std::vector<std::string>& signing_keys,
                          std::chrono::nanoseconds now);

}  // namespace millrace::ingest
