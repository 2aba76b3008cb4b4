#include "ingest/auth/signed_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "net/digest.h"

namespace millrace::ingest {
namespace {

using std::chrono::seconds;

// What else may be signed with the same secret is never a publishing key.
constexpr std::string_view kPurpose = "publish:";

net::Sha256 sign(std::string_view text, std::string_view signing_key) {
  return net::hmac_sha256(signing_key, std::string(kPurpose).append(text));
}

/// All are tried, so that the time says nothing of which one fits.
bool is_signed_by_any(std::string_view text, const net::Sha256& signature,
                      const std::vector<std::string>& signing_keys) {
  bool is_signed = false;
  for (const auto& key : signing_keys)
    is_signed = net::is_same_digest(sign(text, key), signature) || is_signed;
  return is_signed;
}

std::optional<seconds> parse_expires(const std::string* text) {
  constexpr std::size_t kMostDigits = 12;  // Far beyond any date, far below an overflow.
  if (text == nullptr || text->empty() || text->size() > kMostDigits) return std::nullopt;
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text->data() + text->size() || number < 0)
    return std::nullopt;
  return seconds(number);
}

}  // namespace

std::string signature_of(std::string_view text, std::string_view signing_key) {
  return net::to_hex(sign(text, signing_key));
}

Decision judge_signed_key(const PublishName& name, const std::vector<std::string>& signing_keys,
                          std::chrono::nanoseconds now) {
  const auto signature = net::sha256_from_hex(*name.find("sig"));
  if (!signature || !is_signed_by_any(name.signed_text, *signature, signing_keys))
    return denied(Why::kBadSignature, "its signature is wrong");
  // Past here somebody who holds a secret made it; mistakes in it are told.
  if (!is_channel_name(name.name))
    return denied(Why::kMalformed, "what it is signed for is not a channel name");
  const auto expires = parse_expires(name.find("expires"));
  if (!expires) return denied(Why::kMalformed, "it is signed without expires=UNIXSECONDS");
  // In seconds: as nanoseconds a date far ahead would overflow.
  const auto past = std::chrono::floor<seconds>(now) - *expires;
  if (past >= seconds(0))
    return denied(Why::kExpired, fmt::format("it expired {} s ago", past.count()));
  PublishLimits limits;
  for (const auto& [parameter, value] : name.parameters) {
    if (parameter == "expires" || parameter == "sig") continue;
    // A limit that is not understood must not be left out.
    if (const auto set = set_limit(limits, parameter, value); !set.has_value())
      return denied(Why::kMalformed,
                    "a signed parameter is not understood: " + set.error().message);
  }
  return granted(name.name, limits);
}

std::string sign_key(const std::string& channel, seconds expires, const PublishLimits& limits,
                     const std::string& signing_key) {
  const std::string limit_text = print_limits(limits);
  const std::string text = fmt::format("{}?expires={}{}{}", channel, expires.count(),
                                       limit_text.empty() ? "" : "&", limit_text);
  return fmt::format("{}&sig={}", text, signature_of(text, signing_key));
}

}  // namespace millrace::ingest
