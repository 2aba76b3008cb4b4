#pragma once
// JSON Web Tokens (RFC 7519) in the compact form of RFC 7515, as far as playback needs them. Input
// from outside. Pure; any thread.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hls/playback/judgement.h"
#include "hls/playback/playback_options.h"

namespace millrace::hls {

enum class JwtAlgorithm { kHs256, kRs256, kEs256 };

/// Taken apart, its signature not looked at.
struct JwtParts {
  JwtAlgorithm algorithm = JwtAlgorithm::kHs256;
  std::string_view signed_text;  ///< Of what was parsed: header and payload as they came.
  std::string payload;           ///< Decoded.
  std::string signature;         ///< Decoded.
};

/// kInvalidData where it is none; kUnsupported for another algorithm ("none" above all) and for a
/// header with "crit" (RFC 7515 4.1.11).
Result<JwtParts> split_jwt(std::string_view token);

/// Of a payload whose signature is right.
struct JwtClaims {
  std::chrono::seconds expires{0};                        ///< exp.
  std::optional<std::chrono::seconds> not_before;         ///< nbf.
  std::vector<std::string> channels;                      ///< channel: a name, or a list of names.
  std::string path;                                       ///< path: what a path begins with.
  std::optional<std::vector<std::string>> audience = {};  ///< aud: a text, or a list.
};

/// kInvalidData: no exp, neither channel nor path, or one of them of another type.
Result<JwtClaims> parse_jwt_claims(std::string_view payload);

/// Whether any key of the rule that goes with the algorithm has made it.
bool is_signed_by(const PlaybackRule& rule, const JwtParts& jwt);

/// `path`: without a token.
PlaybackJudgement judge_jwt_claims(const JwtClaims& claims, std::string_view channel,
                                   std::string_view path, std::string_view audience,
                                   std::chrono::nanoseconds now);

}  // namespace millrace::hls
