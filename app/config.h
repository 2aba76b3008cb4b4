#pragma once
// The configuration: one YAML file, `--set KEY=VALUE` over it, parsed once into plain structs that
// are handed to the stages. Strict: everything wrong with it is said at once, before the first
// listener. Any thread.
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "hls/hls.h"
#include "ingest/ingest.h"
#include "media/media_time.h"
#include "net/http_server.h"
#include "packager/packager.h"
#include "transcode/transcode.h"

namespace millrace::app {

using Ladder = std::vector<transcode::RungTemplate>;

struct LogConfig {
  log::Level level = log::Level::kInfo;
};

struct HttpConfig {
  net::HttpServerOptions server;
  bool metrics = false;  ///< /metrics on the public port too.
};

struct AuthConfig {
  bool open = false;  ///< Any key that is a channel name creates the channel of that name.
};

struct TranscodeConfig {
  bool enabled = true;  ///< Off: only passthrough rungs of the ladders.
  std::string worker;   ///< Empty: `millrace-transcoder` beside the executable.
  transcode::Profile profile = transcode::Profile::kBalanced;
};

struct PackagerConfig {
  MediaTime part = std::chrono::milliseconds(200);
  MediaTime segment = std::chrono::seconds(2);
};

struct HlsConfig {
  hls::Options origin;     ///< Without start_id, which is not configuration.
  std::string state_file;  ///< Empty: none, numbers start from the clock.
};

struct LimitsConfig {
  std::size_t channels = 10'000;
  std::size_t event_loops = 0;  ///< 0: one per core.
  std::chrono::milliseconds grace{30'000};
};

struct ChannelConfig {
  std::vector<std::string> keys;  ///< Secrets: never logged. No key is in two channels.
  std::string ladder = "default";
  std::optional<std::chrono::milliseconds> grace;  ///< Absent: limits.grace.
  std::string srt_passphrase;                      ///< Empty: srt.passphrase. A secret.
};

/// Default-constructed it is what runs without a file.
struct Config {
  Config();

  LogConfig log;
  HttpConfig http;
  net::HttpServerOptions api;
  ingest::RtmpOptions rtmp;
  ingest::SrtOptions srt;
  AuthConfig auth;
  TranscodeConfig transcode;
  PackagerConfig packager;
  HlsConfig hls;
  LimitsConfig limits;
  std::map<std::string, Ladder> ladder;  ///< At least "default" and "source-only".
  std::map<std::string, ChannelConfig> channels;

  /// Of a configured channel, or what one gets that is made by an open key or the demo.
  const Ladder& ladder_of(const std::string& channel) const;
  std::chrono::milliseconds grace_of(const std::string& channel) const;
};

/// Where a configuration comes from, later ones winning: built-in defaults (`is_demo`: with
/// auth.open and http.metrics on), the file, `is_open`, the overrides in order.
struct ConfigSources {
  std::optional<std::string> file;
  std::vector<std::string> overrides;  ///< "packager.part=500ms"; the value is YAML.
  bool is_open = false;
  bool is_demo = false;
};

/// Reads the file and checks everything. The error's message has a line per mistake:
/// "config.yaml:7: packager.part: 20ms is below the least, 100ms". Publishing keys are never in it.
Result<Config> load_config(const ConfigSources& sources);

/// The same with the file's content at hand; `sources.file` is only its name in messages.
Result<Config> parse_config(std::string_view yaml, const ConfigSources& sources);

/// [a-z0-9][a-z0-9_-]{0,63}
bool is_channel_name(std::string_view text);

}  // namespace millrace::app
