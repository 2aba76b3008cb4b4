#include "app/config_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <set>
#include <unordered_map>

#include "app/config_values.h"
#include "app/playback_options.h"

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
  take("http.listen_proxy", config.http.server.listen_proxy);
  take("api.listen", config.api.listen);
  take("rtmp.listen", config.rtmp.listen);
  if (!config.tls.certificate.empty()) {
    take("http.listen_tls", config.http.server.listen_tls);
    take("http.listen_proxy_tls", config.http.server.listen_proxy_tls);
    take("rtmp.listen_tls", config.rtmp.listen_tls);
  }
  taken.clear();  // UDP.
  take("srt.listen", config.srt.listen);
}

void check_proxies(const Config& config, Mistakes& mistakes) {
  const auto& http = config.http.server;
  const auto check_trust = [&](const std::string& key, const std::vector<std::string>& addresses) {
    if (!addresses.empty() && http.trusted_proxies.empty())
      mistakes.add({key},
                   "nobody may come there: add http.trusted_proxies, such as [\"192.0.2.7\"]");
  };
  check_trust("http.listen_proxy", http.listen_proxy);
  check_trust("http.listen_proxy_tls", http.listen_proxy_tls);
  if (!http.listen_proxy_tls.empty() && config.tls.certificate.empty())
    mistakes.add({"http.listen_proxy_tls"},
                 "needs a certificate: add tls.certificate and tls.key, or write "
                 "http.listen_proxy for what comes in clear text");
}

void check_encryption(const ingest::SrtEncryption& encryption, const std::string& length,
                      const std::string& passphrase, Mistakes& mistakes) {
  if (encryption.key_length == 0) return;
  if (encryption.key_length % 8 != 0 || encryption.key_length < 16)
    mistakes.add({length}, fmt::format("{} is no length: 0, 16, 24 or 32", encryption.key_length));
  if (encryption.passphrase.empty())
    mistakes.add({length}, fmt::format("needs {} beside it", passphrase));
}

using Wrong = std::function<void(const std::string& key, std::string_view what)>;

void check_hdr(const transcode::RungTemplate& rung, const Wrong& wrong) {
  if (rung.hdr == transcode::HdrMode::kKeep && rung.codec == Codec::kH264)
    wrong("hdr",
          "keep needs 10 bits, which players do not decode in H.264: add codec: hevc or av1");
}

void check_passthrough_rung(const transcode::RungTemplate& rung, const Wrong& wrong) {
  if (rung.height != 0) wrong("height", "a passthrough rung is not encoded: remove it");
  if (rung.mode) wrong("encode", "a passthrough rung is not encoded: remove it");
  if (rung.otherwise == transcode::Otherwise::kEncode) {
    if (rung.bits_per_second == 0)
      wrong("bitrate",
            "has no bitrate for what is encoded in the source's place: add one, such as "
            "bitrate: 6M");
    return check_hdr(rung, wrong);
  }
  const std::string_view what =
      "a passthrough rung is not encoded without otherwise: encode: "
      "remove it";
  if (rung.bits_per_second != 0) wrong("bitrate", what);
  if (rung.codec != Codec::kH264) wrong("codec", what);
  if (rung.hdr != transcode::HdrMode::kToneMap) wrong("hdr", what);
}

void check_rung(const transcode::RungTemplate& rung, const std::string& path, Mistakes& mistakes) {
  const Wrong wrong = [&](const std::string& key, std::string_view what) {
    mistakes.add({path + "." + key, path, path + ".passthrough"}, what);
  };
  if (rung.name.empty()) wrong("name", "has no name: add one, such as name: 720p");
  // Audio is a rendition of its own beside the rungs, under this name.
  if (rung.name == "audio") wrong("name", "'audio' is taken: rename it");
  if (rung.passthrough) return check_passthrough_rung(rung, wrong);
  const auto check_unlimited = [&](const std::string& key, bool is_said) {
    if (is_said) wrong(key, "is of a passthrough rung, and this one is encoded: remove it");
  };
  check_unlimited("b_frames", !rung.limits.may_have_b_frames);
  check_unlimited("codecs", !rung.limits.codecs.empty());
  check_unlimited("max_bitrate", rung.limits.bits_per_second != 0);
  check_unlimited("max_gop", rung.limits.key_frame_interval != MediaTime(0));
  check_unlimited("max_height", rung.limits.height != 0);
  check_unlimited("otherwise", rung.otherwise != transcode::Otherwise::kPass);
  if (rung.height == 0) wrong("height", "has no height: add one, such as height: 720");
  if (rung.height % 2 != 0) wrong("height", fmt::format("{} is odd: make it even", rung.height));
  if (rung.bits_per_second == 0)
    wrong("bitrate", "has no bitrate: add one, such as bitrate: 2800k");
  check_hdr(rung, wrong);
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
    if (ladder[i].passthrough && ladder[i].otherwise == transcode::Otherwise::kEncode &&
        !has_transcoder)
      mistakes.add({rung_path + ".otherwise", rung_path, "transcode.enabled"},
                   "is encode while transcode.enabled is false: write pass or refuse");
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
void check_signing_keys(const std::vector<std::string>& secrets, const std::string& path,
                        Mistakes& mistakes) {
  constexpr std::size_t kLeastBytes = 16;
  for (std::size_t i = 0; i < secrets.size(); ++i)
    if (secrets[i].size() < kLeastBytes)
      mistakes.add({path}, fmt::format("number {} is too short: take {} characters or more, such "
                                       "as the output of openssl rand -hex 32",
                                       i + 1, kLeastBytes));
}

/// `prefix`: "playback", "channels.shop.playback".
void check_playback_keys(const PlaybackKeyConfig& keys, const std::string& prefix,
                         Mistakes& mistakes) {
  check_signing_keys(keys.signing_keys, prefix + ".signing_keys", mistakes);
  for (const auto& file : keys.public_keys)
    if (const auto key = load_public_key(file); !key.has_value())
      mistakes.add({prefix + ".public_keys"},
                   fmt::format("{}: {}", quote(file), key.error().message));
}

void check_playback(const Config& config, Mistakes& mistakes) {
  constexpr std::string_view kNoKeys =
      "is signed, and there is no key: add signing_keys, such as the output of openssl rand -hex "
      "32, or public_keys";
  check_playback_keys(config.playback.keys, "playback", mistakes);
  if (config.playback.access == hls::PlaybackAccess::kSigned && config.playback.keys.empty())
    mistakes.add({"playback.access"}, kNoKeys);
  for (const auto& [name, channel] : config.channels) {
    const std::string prefix = "channels." + name + ".playback";
    check_playback_keys(channel.playback.keys, prefix, mistakes);
    if (channel.playback.access == hls::PlaybackAccess::kSigned &&
        config.playback_keys_of(name).empty())
      mistakes.add({prefix + ".access"}, kNoKeys);
  }
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

/// `path`: of a window.
void check_dvr_window(std::chrono::nanoseconds window, const std::string& path,
                      const Config& config, Mistakes& mistakes) {
  constexpr std::chrono::minutes kLeast(1);
  if (window.count() == 0) return;
  if (window < kLeast) mistakes.add({path}, "is below the least, 1m: make it longer, or 0s");
  if (config.hls.dvr.folder.empty())
    mistakes.add({path}, "needs hls.dvr.folder: name a folder on a disk with room for it");
}

void check_dvr(const Config& config, Mistakes& mistakes) {
  check_dvr_window(config.hls.dvr.window, "hls.dvr.window", config, mistakes);
  for (const auto& [name, channel] : config.channels)
    if (channel.dvr)
      check_dvr_window(*channel.dvr, fmt::format("channels.{}.dvr", name), config, mistakes);
}

void check_remote(const TranscodeConfig& transcode, Mistakes& mistakes) {
  const bool is_complete = !transcode.remote_certificate.empty() && !transcode.remote_key.empty() &&
                           !transcode.remote_ca.empty();
  if (!transcode.remote.empty() && !is_complete)
    mistakes.add({"transcode.remote"},
                 "needs the files transcode.remote_certificate, remote_key and remote_ca");
}

}  // namespace

void check_config(const Config& config, Mistakes& mistakes) {
  check_packager(config, mistakes);
  check_pull(config, mistakes);
  check_listeners(config, mistakes);
  check_proxies(config, mistakes);
  for (const auto& [name, ladder] : config.ladder)
    check_ladder(name, ladder, config.transcode.enabled, mistakes);
  if (config.tls.certificate.empty() != config.tls.key.empty())
    mistakes.add({"tls.certificate", "tls.key"},
                 "a certificate and its key belong together: name both files, or neither");
  check_encryption(config.srt.encryption, "srt.key_length", "srt.passphrase", mistakes);
  for (const auto& [name, channel] : config.channels)
    check_encryption(channel.srt, fmt::format("channels.{}.srt_key_length", name), "srt_passphrase",
                     mistakes);
  check_signing_keys(config.auth.signing_keys, "auth.signing_keys", mistakes);
  check_playback(config, mistakes);
  check_channels(config, mistakes);
  check_dvr(config, mistakes);
  check_remote(config.transcode, mistakes);
  check_slate(config.transcode.slate, "transcode.slate", mistakes);
  if (config.transcode.hold == HoldMode::kSlate && config.transcode.slate.empty())
    mistakes.add({"transcode.hold"},
                 "is slate, and transcode.slate is empty: name a PNG or JPEG file");
}

}  // namespace millrace::app
