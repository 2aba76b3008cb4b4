#pragma once
// Who may play, and what a signed URL is made of (docs/playback.md). A part of hls.h. Any thread.
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/public_key.h"

namespace millrace::hls {

enum class PlaybackAccess { kOpen, kSigned };

struct PlaybackRule {
  PlaybackAccess access = PlaybackAccess::kOpen;
  std::vector<std::string> signing_keys{};  ///< Any may have signed. Secrets: never logged.
  std::vector<std::shared_ptr<const net::PublicKey>> public_keys{};  ///< The same.
};

struct PlaybackOptions {
  PlaybackRule rule;                                          ///< Of channels that are not below.
  std::map<std::string, PlaybackRule, std::less<>> channels;  ///< By name.
  std::string audience;  ///< What a JWT's aud has to name; empty: nothing does.
};

/// "EXPIRES.HEX": lets in to everything of the channel until `expires`, since the Unix epoch. HEX
/// is the HMAC-SHA256 of "play:/live/CHANNEL/?expires=EXPIRES".
std::string sign_playback(std::string_view channel, std::chrono::seconds expires,
                          std::string_view signing_key);

/// The channel's multivariant playlist with the token in the path, which playlists' relative URIs
/// inherit, or in the query.
std::string playback_path(std::string_view channel, std::string_view token, bool is_in_query);

/// Whether Origin::handle() is to answer a request for the path: /live/… and /s/TOKEN/live/….
bool is_origin_path(std::string_view path);

}  // namespace millrace::hls
