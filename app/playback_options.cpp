#include "app/playback_options.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "app/config_values.h"

namespace millrace::app {
namespace {

// Of one key, with whatever is written around it.
constexpr std::size_t kMostFileBytes = 64 * 1024;

Result<hls::PlaybackRule> load_rule(hls::PlaybackAccess access, const PlaybackKeyConfig& keys) {
  hls::PlaybackRule rule{.access = access, .signing_keys = keys.signing_keys, .public_keys = {}};
  for (const auto& file : keys.public_keys) {
    auto key = load_public_key(file);
    if (!key.has_value())
      return Error{key.error().code, fmt::format("{}: {}", quote(file), key.error().message)};
    rule.public_keys.push_back(std::move(key).value());
  }
  return rule;
}

}  // namespace

Result<std::shared_ptr<const net::PublicKey>> load_public_key(const std::string& file) {
  std::string content(kMostFileBytes, '\0');
  std::ifstream source(file, std::ios::binary);
  source.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(source.gcount()));
  if (content.empty()) return Error{ErrorCode::kSystem, "it cannot be read: name another"};
  return net::parse_public_key(content);
}

Result<hls::PlaybackOptions> load_playback_options(const Config& config) {
  hls::PlaybackOptions options{.rule = {}, .channels = {}, .audience = config.playback.audience};
  ASSIGN_OR_RETURN(options.rule, load_rule(config.playback.access, config.playback.keys));
  for (const auto& [name, channel] : config.channels) {
    if (!channel.playback.access && channel.playback.keys.empty()) continue;  // The rule of all.
    ASSIGN_OR_RETURN(options.channels[name],
                     load_rule(channel.playback.access.value_or(config.playback.access),
                               config.playback_keys_of(name)));
  }
  return options;
}

}  // namespace millrace::app
