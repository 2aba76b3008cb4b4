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

/// The server's certificate; both files or neither.
struct TlsConfig {
  std::string certificate;
  std::string key;
};

struct LogConfig {
  log::Level level = log::Level::kInfo;
};

struct HttpConfig {
  net::HttpServerOptions server;
  bool metrics = false;  ///< /metrics on the public port too.
};

struct AuthConfig {
  bool open = false;     ///< Any key that is a channel name creates the channel of that name.
  std::string key_file;  ///< Empty: none.
  std::vector<std::string> signing_keys;  ///< The first one signs. Secrets: never logged.
  ingest::WebhookOptions webhook;         ///< Without a URL: none. `ladders` is empty here.
};

/// What playback tokens are checked by.
struct PlaybackKeyConfig {
  std::vector<std::string> signing_keys;  ///< The first one signs. Secrets: never logged.
  std::vector<std::string> public_keys;   ///< PEM files.

  bool empty() const { return signing_keys.empty() && public_keys.empty(); }
};

struct PlaybackConfig {
  hls::PlaybackAccess access = hls::PlaybackAccess::kOpen;
  PlaybackKeyConfig keys;
  std::string audience;  ///< Empty: none.
};

/// What a channel has in its place.
struct ChannelPlaybackConfig {
  std::optional<hls::PlaybackAccess> access;  ///< Absent: playback.access.
  PlaybackKeyConfig keys;                     ///< Empty: those of playback.
};

/// Where events are told.
struct EventsConfig {
  std::string url;      ///< Empty: nowhere.
  std::string secret;   ///< Signs them; empty: nothing does.
  std::string ca_file;  ///< Empty: the system's authorities.
  std::chrono::milliseconds timeout{3'000};
};

/// What viewers get while a channel's source is away: its last picture, a picture of the
/// operator's, or nothing. Sound is silence.
enum class HoldMode { kPicture, kSlate, kNone };

struct TranscodeConfig {
  bool enabled = true;  ///< Off: only passthrough rungs of the ladders, and nothing is held.
  HoldMode hold = HoldMode::kPicture;
  std::chrono::milliseconds hold_after{1'000};  ///< Without media.
  std::string slate;                            ///< PNG or JPEG; for kSlate.
  std::string worker;  ///< Empty: `millrace-transcoder` beside the executable.
  transcode::Profile profile = transcode::Profile::kBalanced;
  transcode::RungMode encode = transcode::RungMode::kOnDemand;  ///< Of rungs that say nothing.
  std::chrono::milliseconds idle_after{30'000};                 ///< Without a request for the rung.
  /// Percent of the machine that may be in use when a rung is admitted; 0: no limit.
  int max_load = 85;
  Codec audio_codec = Codec::kAac;  ///< What other sound becomes; or kOpus.
  std::string crash_reports;        ///< Folder; empty: none are written.
  transcode::DevicePolicy devices = transcode::DevicePolicy::kCpu;
  std::size_t worker_memory = transcode::kWorkerMemory;  ///< Bytes; 0: no limit.
  std::size_t worker_cores = 0;                          ///< 0: any.
  std::vector<std::string> remote;  ///< HOST:PORT of workers on other machines; preferred.
  std::string remote_certificate, remote_key, remote_ca;  ///< PEM files, where there are such.
};

struct PackagerConfig {
  MediaTime part = std::chrono::milliseconds(200);
  MediaTime segment = std::chrono::seconds(2);
};

struct HlsConfig {
  hls::Options origin;     ///< Without start_id, `playback`, `dvr`, and the channels of `ts`.
  hls::DvrOptions dvr;     ///< Without `channels`.
  std::string state_file;  ///< Empty: none, numbers start from the clock.
};

struct LimitsConfig {
  std::size_t channels = 10'000;
  std::size_t event_loops = 0;  ///< 0: one per core.
  std::chrono::milliseconds grace{15'000};
  bool end_on_stop = false;       ///< A stop of the server ends the shows; else they may go on.
  bool end_on_unpublish = true;   ///< A publisher that says goodbye ends the show without grace.
  bool takeover = true;           ///< A second publisher takes over; else it is refused.
  ingest::PublishLimits publish;  ///< Of every publisher whose channel does not say else.
};

struct ChannelConfig {
  std::vector<std::string> keys;  ///< Secrets: never logged. A key may be in several channels.
  std::string ladder = "default";
  std::optional<std::chrono::milliseconds> grace;  ///< Absent: limits.grace.
  ingest::SrtEncryption srt;                       ///< Without a passphrase: that of srt.
  std::optional<bool> end_on_unpublish;            ///< Absent: limits.end_on_unpublish.
  std::optional<bool> takeover;                    ///< Absent: limits.takeover.
  std::optional<HoldMode> hold;                    ///< Absent: transcode.hold.
  std::optional<transcode::RungMode> encode;       ///< Absent: transcode.encode.
  int priority = 0;              ///< Whose rungs go first when the machine is full: the lowest.
  std::string slate;             ///< Empty: transcode.slate.
  ingest::PublishLimits limits;  ///< Zero: limits.publish.
  ChannelPlaybackConfig playback;
  std::optional<std::chrono::nanoseconds> dvr;  ///< Absent: hls.dvr.window.
  std::optional<bool> ts;                       ///< Absent: hls.ts.
  std::vector<std::string> sources;  ///< URLs to pull from, the best first. Have secrets in them.
};

/// What a channel does when its publishers come and go.
struct PublisherRules {
  std::chrono::milliseconds grace{};
  bool end_on_unpublish = true;
  bool takeover = true;
  HoldMode hold = HoldMode::kNone;
  std::chrono::milliseconds hold_after{};
  std::string slate;
  transcode::RungMode encode = transcode::RungMode::kOnDemand;  ///< Of rungs that say nothing.
  int priority = 0;
};

/// Default-constructed it is what runs without a file.
struct Config {
  Config();

  LogConfig log;
  HttpConfig http;
  net::HttpServerOptions api;
  std::string api_token;  ///< Lets in who changes something; empty: nobody. A secret: never logged.
  TlsConfig tls;
  ingest::RtmpOptions rtmp;
  ingest::SrtOptions srt;
  ingest::PullTiming pull;
  AuthConfig auth;
  EventsConfig events;
  TranscodeConfig transcode;
  PackagerConfig packager;
  HlsConfig hls;
  PlaybackConfig playback;
  LimitsConfig limits;
  std::map<std::string, Ladder> ladder;  ///< At least "default" and "source-only".
  std::map<std::string, ChannelConfig> channels;

  /// Of a configured channel, or what one gets that is made by an open key or the demo.
  const Ladder& ladder_of(const std::string& channel) const;
  PublisherRules publisher_rules_of(const std::string& channel) const;
  /// Who may publish, as ingest wants to know it.
  ingest::KeyOptions key_options() const;
  ingest::WebhookOptions webhook_options() const;
  hls::DvrOptions dvr_options() const;
  hls::TsOptions ts_options() const;
  const PlaybackKeyConfig& playback_keys_of(const std::string& channel) const;
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

using ingest::is_channel_name;

}  // namespace millrace::app
