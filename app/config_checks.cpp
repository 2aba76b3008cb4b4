#include "app/config_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "app/config_values.h"

namespace millrace::app {
namespace {

/// Three parts to a segment, so that PART-HOLD-BACK (three part targets, design.md §5) is not
/// longer than what a plain player is behind anyway.
void check_packager(const Config& config, Mistakes& mistakes) {
  if (config.packager.part * 3 > config.packager.segment)
    mistakes.add({"packager.part", "packager.segment"},
                 "three parts must fit into a segment: make packager.part shorter or "
                 "packager.segment longer");
}

void check_listeners(const Config& config, Mistakes& mistakes) {
  std::unordered_map<std::string, std::string> taken;
  const auto take = [&](const std::string& key, const std::vector<std::string>& addresses) {
    for (const auto& address : addresses) {
      if (address.ends_with(":0")) continue;  // Any free port: never the same one.
      const auto [first, is_new] = taken.emplace(address, key);
      if (!is_new)
        mistakes.add({key, first->second},
                     fmt::format("{} is there twice (also {}): change the port of one", address,
                                 first->second));
    }
  };
  take("http.listen", config.http.server.listen);
  take("api.listen", config.api.listen);
  take("rtmp.listen", config.rtmp.listen);
  taken.clear();  // UDP.
  take("srt.listen", config.srt.listen);
}

void check_rung(const transcode::RungTemplate& rung, const std::string& path, Mistakes& mistakes) {
  const auto wrong = [&](const std::string& key, std::string_view what) {
    mistakes.add({path + "." + key, path, path + ".passthrough"}, what);
  };
  if (rung.name.empty()) wrong("name", "has no name: add one, such as name: 720p");
  // Audio is a rendition of its own beside the rungs, under this name.
  if (rung.name == "audio") wrong("name", "'audio' is taken: rename it");
  if (rung.passthrough) {
    if (rung.height != 0) wrong("height", "a passthrough rung is not encoded: remove it");
    if (rung.bits_per_second != 0) wrong("bitrate", "a passthrough rung is not encoded: remove it");
    return;
  }
  if (rung.height == 0) wrong("height", "has no height: add one, such as height: 720");
  if (rung.height % 2 != 0) wrong("height", fmt::format("{} is odd: make it even", rung.height));
  if (rung.bits_per_second == 0)
    wrong("bitrate", "has no bitrate: add one, such as bitrate: 2800k");
}

void check_ladder(const std::string& name, const Ladder& ladder, bool has_transcoder,
                  Mistakes& mistakes) {
  const std::string path = "ladder." + name;
  std::set<std::string> names;
  std::size_t passthroughs = 0;
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    const std::string rung_path = fmt::format("{}[{}]", path, i);
    check_rung(ladder[i], rung_path, mistakes);
    if (!ladder[i].name.empty() && !names.insert(ladder[i].name).second)
      mistakes.add({rung_path + ".name", rung_path},
                   fmt::format("'{}' is there twice: rename one", ladder[i].name));
    passthroughs += ladder[i].passthrough ? 1 : 0;
  }
  if (passthroughs > 1) mistakes.add({path}, "has two passthrough rungs: keep one");
  if (passthroughs == 0 && !has_transcoder)
    mistakes.add({path, "transcode.enabled"},
                 "has no passthrough rung while transcode.enabled is false: nothing would play");
}

void check_channels(const Config& config, Mistakes& mistakes) {
  std::unordered_map<std::string, std::string> owners;
  for (const auto& [name, channel] : config.channels) {
    const std::string path = "channels." + name;
    if (!config.ladder.contains(channel.ladder))
      mistakes.add({path + ".ladder", path},
                   fmt::format("there is no ladder.{}: add it, or write default", channel.ladder));
    if (channel.keys.empty() && !config.auth.open)
      mistakes.add({path + ".keys", path},
                   "has no key, so that nobody could publish: add keys: [\"KEY\"]");
    for (std::size_t i = 0; i < channel.keys.size(); ++i) {
      const auto [first, is_new] = owners.emplace(channel.keys[i], name);
      if (!is_new)
        mistakes.add({path + ".keys", path},
                     fmt::format("key number {} is also a key of {}: a key belongs to one channel, "
                                 "once",
                                 i + 1, first->second));
    }
  }
  if (config.channels.size() > config.limits.channels)
    mistakes.add({"limits.channels"},
                 fmt::format("{} is fewer than the {} configured channels: raise it",
                             config.limits.channels, config.channels.size()));
}

}  // namespace

void check_config(const Config& config, Mistakes& mistakes) {
  check_packager(config, mistakes);
  check_listeners(config, mistakes);
  for (const auto& [name, ladder] : config.ladder)
    check_ladder(name, ladder, config.transcode.enabled, mistakes);
  check_channels(config, mistakes);
}

}  // namespace millrace::app
