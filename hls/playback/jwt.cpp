#include "hls/playback/jwt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "hls/playback/base64url.h"
#include "net/digest.h"

namespace millrace::hls {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// The clocks of who signs and of this machine differ, and a token is used the moment it is made.
constexpr seconds kClockDifference(10);

Error wrong(std::string what) {
  return {ErrorCode::kInvalidData, std::move(what)};
}

json parse_json(std::string_view text) {
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

/// RFC 7519 2, NumericDate: a number, which may have a fraction.
std::optional<seconds> unix_time(const json& value) {
  constexpr double kMost = 1e12;  // As parse_unix_time().
  if (!value.is_number()) return std::nullopt;
  const double number = value.get<double>();
  if (!(number >= 0 && number < kMost)) return std::nullopt;
  return seconds(static_cast<std::int64_t>(std::floor(number)));
}

/// A text, or a list of texts.
std::optional<std::vector<std::string>> texts(const json& value) {
  if (value.is_string()) return std::vector{value.get<std::string>()};
  if (!value.is_array()) return std::nullopt;
  std::vector<std::string> list;
  for (const json& entry : value) {
    if (!entry.is_string()) return std::nullopt;
    list.push_back(entry.get<std::string>());
  }
  return list;
}

/// Whole components only: "/live/sho" is no prefix of "/live/shop/index.m3u8".
bool covers(std::string_view prefix, std::string_view path) {
  if (prefix.empty() || !path.starts_with(prefix)) return false;
  return prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/';
}

template <typename Container>
bool contains(const Container& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace

Result<JwtParts> split_jwt(std::string_view token) {
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return wrong("it has not three parts");
  const auto header_text = decode_base64url(token.substr(0, first));
  auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  auto signature = decode_base64url(token.substr(second + 1));
  if (!header_text || !payload || !signature) return wrong("it is not in base64url");
  const json header = parse_json(*header_text);
  if (!header.is_object() || !header.contains("alg") || !header["alg"].is_string())
    return wrong("its header is no JSON object with alg");
  // RFC 7515 4.1.11: "If any of the listed extension Header Parameters are not understood and
  // supported by the recipient, then the JWS is invalid." None is.
  if (header.contains("crit")) return Error{ErrorCode::kUnsupported, "its header has crit"};
  JwtParts parts{.signed_text = token.substr(0, second),
                 .payload = *std::move(payload),
                 .signature = *std::move(signature)};
  const auto& name = header["alg"].get_ref<const std::string&>();
  if (name == "RS256")
    parts.algorithm = JwtAlgorithm::kRs256;
  else if (name == "ES256")
    parts.algorithm = JwtAlgorithm::kEs256;
  else if (name != "HS256")
    return Error{ErrorCode::kUnsupported, "its algorithm is not HS256, RS256 or ES256"};
  return parts;
}

Result<JwtClaims> parse_jwt_claims(std::string_view payload) {
  const json object = parse_json(payload);
  if (!object.is_object()) return wrong("its payload is no JSON object");
  JwtClaims claims;
  const auto expires = object.contains("exp") ? unix_time(object["exp"]) : std::nullopt;
  if (!expires) return wrong("it has no exp in seconds since 1970");
  claims.expires = *expires;
  if (object.contains("nbf")) {
    claims.not_before = unix_time(object["nbf"]);
    if (!claims.not_before) return wrong("its nbf is not in seconds since 1970");
  }
  if (object.contains("channel")) {
    auto channels = texts(object["channel"]);
    if (!channels) return wrong("its channel is neither a name nor a list of names");
    claims.channels = *std::move(channels);
  }
  if (object.contains("path")) {
    if (!object["path"].is_string()) return wrong("its path is no text");
    claims.path = object["path"].get<std::string>();
  }
  if (claims.channels.empty() && claims.path.empty())
    return wrong("it says neither channel nor path");
  if (object.contains("aud")) {
    claims.audience = texts(object["aud"]);
    if (!claims.audience) return wrong("its aud is neither a text nor a list of texts");
  }
  return claims;
}

bool is_signed_by(const PlaybackRule& rule, const JwtParts& jwt) {
  bool is_signed = false;
  if (jwt.algorithm == JwtAlgorithm::kHs256) {
    net::Sha256 signature;
    if (jwt.signature.size() != signature.size()) return false;
    std::copy(jwt.signature.begin(), jwt.signature.end(), signature.begin());
    // All are tried, so that the time says nothing of which one fits.
    for (const auto& key : rule.signing_keys)
      is_signed =
          net::is_same_digest(net::hmac_sha256(key, jwt.signed_text), signature) || is_signed;
    return is_signed;
  }
  // A key is only asked about signatures of its own kind: else whoever has a public key, which is
  // no secret, could sign with it as if it were one.
  const auto algorithm = jwt.algorithm == JwtAlgorithm::kRs256 ? net::SignatureAlgorithm::kRs256
                                                               : net::SignatureAlgorithm::kEs256;
  return std::any_of(rule.public_keys.begin(), rule.public_keys.end(), [&](const auto& key) {
    return key->algorithm() == algorithm && key->verifies(jwt.signed_text, jwt.signature);
  });
}

PlaybackJudgement judge_jwt_claims(const JwtClaims& claims, std::string_view channel,
                                   std::string_view path, std::string_view audience,
                                   std::chrono::nanoseconds now) {
  // RFC 7519 4.1.3: "If the principal processing the claim does not identify itself with a value in
  // the "aud" claim when this claim is present, then the JWT MUST be rejected."
  if (claims.audience && (audience.empty() || !contains(*claims.audience, audience)))
    return refused(PlaybackRefusal::kOtherAudience, "the token is for another audience");
  if (!claims.audience && !audience.empty())
    return refused(PlaybackRefusal::kOtherAudience, "the token says no audience");
  if (claims.not_before) {
    const auto early = *claims.not_before - std::chrono::floor<seconds>(now);
    if (early > kClockDifference)
      return refused(PlaybackRefusal::kNotYetValid,
                     fmt::format("the token is valid in {} s", early.count()));
  }
  if (auto expiry = judge_expiry(claims.expires, now); !expiry.is_let_in) return expiry;
  if (contains(claims.channels, channel) || covers(claims.path, path)) return let_in();
  return refused(PlaybackRefusal::kOtherChannel, "the token is not for this");
}

}  // namespace millrace::hls
