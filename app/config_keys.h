#pragma once
// Every configuration key, one row each: what it may be, where it goes, what it means. The parser,
// `--set` and docs/configuration.md are made from these rows. Any thread.
#include <span>
#include <string_view>

#include "app/config.h"
#include "app/config_values.h"

namespace millrace::app {

template <typename Owner>
struct ConfigKey {
  /// Below the owner: "packager.part" of the whole, "keys" of a channel.
  std::string_view path;
  ValueRule rule;
  void (*set)(Owner&, const Value&);
  Value (*get)(const Owner&);
  std::string_view help;
};

/// By their whole paths "section.key", sorted by section.
std::span<const ConfigKey<Config>> config_keys();
/// Of channels.NAME.
std::span<const ConfigKey<ChannelConfig>> channel_keys();
/// Of one entry of the list ladder.NAME.
std::span<const ConfigKey<transcode::RungTemplate>> rung_keys();

}  // namespace millrace::app
