#include "app/config_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
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

void check_pull(const Config& config, Mistakes& mistakes) {
  if (config.pull.retry > config.pull.longest_retry)
    mistakes.add({"pull.retry", "pull.longest_retry"},
                 "is longer than pull.longest_retry: make it shorter");
}

void check_listeners(const Config& config, Mistakes& mistakes) {
  std::unordered_map<std::string, std::string> taken;
  const auto take = [&](const std::string& key, const std::vector<std::string>& addresses) {
    for (const auto& entry : addresses) {
      const std::string address = entry.substr(0, entry.find('?'));  // Behind it SRT has secrets.
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
  if (!config.tls.certificate.empty()) take("rtmp.listen_tls", config.rtmp.listen_tls);
  taken.clear();  // UDP.
  take("srt.listen", config.srt.listen);
}

void check_encryption(const ingest::SrtEncryption& encryption, const std::string& length,
                      const std::string& passphrase, Mistakes& mistakes) {
  if (encryption.key_length == 0) return;
  if (encryption.key_length % 8 != 0 || encryption.key_length < 16)
    mistakes.add({length}, fmt::format("{} is no length: 0, 16, 24 or 32", encryption.key_length));
  if (encryption.passphrase.empty())
    mistakes.add({length}, fmt::format("needs {} beside it", passphrase));
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
    if (rung.mode) wrong("encode", "a passthrough rung is not encoded: remove it");
    if (rung.codec != Codec::kH264) wrong("codec", "a passthrough rung is not encoded: remove it");
    if (rung.max_frame_rate != 0)
      wrong("max_frame_rate", "a passthrough rung is not encoded: remove it");
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

/// By the first bytes; what is in it shows when it is decoded.
void check_slate(const std::string& file, const std::string& path, Mistakes& mistakes) {
  if (file.empty()) return;
  std::array<char, 4> head{};
  std::ifstream picture(file, std::ios::binary);
  picture.read(head.data(), head.size());
  const std::string_view read(head.data(), static_cast<std::size_t>(picture.gcount()));
  if (!read.starts_with("\x89PNG") && !read.starts_with("\xff\xd8"))
    mistakes.add({path}, fmt::format("{} is no PNG or JPEG file that can be read: name another",
                                     quote(file)));
}

void check_keys(const ChannelConfig& channel, const std::string& path, Mistakes& mistakes) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < channel.keys.size(); ++i) {
    if (const auto good = ingest::check_key(channel.keys[i]); !good.has_value())
      mistakes.add({path + ".keys", path},
                   fmt::format("key number {}: {}", i + 1, good.error().message));
    if (!seen.insert(channel.keys[i]).second)
      mistakes.add({path + ".keys", path},
                   fmt::format("key number {} is there twice: remove one", i + 1));
  }
}

/// What an HMAC is worth hangs on its key's not being found by trying.
void check_signing_keys(const Config& config, Mistakes& mistakes) {
  constexpr std::size_t kLeastBytes = 16;
  for (std::size_t i = 0; i < config.auth.signing_keys.size(); ++i)
    if (config.auth.signing_keys[i].size() < kLeastBytes)
      mistakes.add({"auth.signing_keys"},
                   fmt::format("number {} is too short: take {} characters or more, such as the "
                               "output of openssl rand -hex 32",
                               i + 1, kLeastBytes));
}

void check_channels(const Config& config, Mistakes& mistakes) {
  const bool has_another_way =
      config.auth.open || !config.auth.key_file.empty() || !config.auth.signing_keys.empty();
  for (const auto& [name, channel] : config.channels) {
    const std::string path = "channels." + name;
    if (!config.ladder.contains(channel.ladder))
      mistakes.add({path + ".ladder", path},
                   fmt::format("there is no ladder.{}: add it, or write default", channel.ladder));
    if (channel.keys.empty() && channel.sources.empty() && !has_another_way)
      mistakes.add({path + ".keys", path},
                   "has no key, so that nobody could publish: add keys: [\"KEY\"]");
    check_slate(channel.slate, path + ".slate", mistakes);
    if (config.publisher_rules_of(name).hold == HoldMode::kSlate &&
        config.publisher_rules_of(name).slate.empty())
      mistakes.add(
          {path + ".hold", path},
          "is slate, and there is no slate: add one, such as slate: /etc/millrace/back.png");
    check_keys(channel, path, mistakes);
  }
  if (config.channels.size() > config.limits.channels)
    mistakes.add({"limits.channels"},
                 fmt::format("{} is fewer than the {} configured channels: raise it",
                             config.limits.channels, config.channels.size()));
}

}  // namespace

void check_config(const Config& config, Mistakes& mistakes) {
  check_packager(config, mistakes);
  check_pull(config, mistakes);
  check_listeners(config, mistakes);
  for (const auto& [name, ladder] : config.ladder)
    check_ladder(name, ladder, config.transcode.enabled, mistakes);
  if (config.tls.certificate.empty() != config.tls.key.empty())
    mistakes.add({"tls.certificate", "tls.key"},
                 "a certificate and its key belong together: name both files, or neither");
  check_encryption(config.srt.encryption, "srt.key_length", "srt.passphrase", mistakes);
  for (const auto& [name, channel] : config.channels)
    check_encryption(channel.srt, fmt::format("channels.{}.srt_key_length", name), "srt_passphrase",
                     mistakes);
  check_signing_keys(config, mistakes);
  check_channels(config, mistakes);
  check_slate(config.transcode.slate, "transcode.slate", mistakes);
  if (config.transcode.hold == HoldMode::kSlate && config.transcode.slate.empty())
    mistakes.add({"transcode.hold"},
                 "is slate, and transcode.slate is empty: name a PNG or JPEG file");
}

}  // namespace millrace::app
