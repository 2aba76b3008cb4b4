#include "hls/playback/signed_token.h"

#include <fmt/format.h>

#include "hls/playback/playback_options.h"
#include "net/digest.h"

namespace millrace::hls {
namespace {

using std::chrono::seconds;

net::Sha256 sign(std::string_view channel, std::string_view expires, std::string_view key) {
  // What else may be signed with the same secret never lets in anybody: hence the first word.
  return net::hmac_sha256(key, fmt::format("play:/live/{}/?expires={}", channel, expires));
}

}  // namespace

PlaybackJudgement judge_signed_token(std::string_view token, std::string_view channel,
                                     const std::vector<std::string>& signing_keys,
                                     std::chrono::nanoseconds now) {
  const auto dot = token.find('.');
  const auto expires = parse_unix_time(token.substr(0, dot));
  const auto signature =
      dot == std::string_view::npos ? std::nullopt : net::sha256_from_hex(token.substr(dot + 1));
  if (expires < seconds(0) || !signature)
    return refused(PlaybackRefusal::kMalformed, "the token is neither EXPIRES.HEX nor a JWT");
  bool is_signed = false;
  // All are tried, so that the time says nothing of which one fits.
  for (const auto& key : signing_keys)
    is_signed =
        net::is_same_digest(sign(channel, token.substr(0, dot), key), *signature) || is_signed;
  if (!is_signed)
    return refused(PlaybackRefusal::kBadSignature,
                   "the token's signature is wrong, or it is another channel's");
  return judge_expiry(expires, now);
}

std::string sign_playback(std::string_view channel, seconds expires, std::string_view signing_key) {
  const auto number = fmt::format("{}", expires.count());
  return fmt::format("{}.{}", number, net::to_hex(sign(channel, number, signing_key)));
}

}  // namespace millrace::hls
