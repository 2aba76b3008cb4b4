#include "app/config.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>

#include "app/config_checks.h"
#include "app/config_reader.h"
#include "app/mistakes.h"

namespace millrace::app {
namespace {

Config defaults(const ConfigSources& sources) {
  Config config;
  if (sources.is_demo) {
    config.auth.open = true;
    config.http.metrics = true;
  }
  return config;
}

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  try {  // Reading a folder throws.
    std::ifstream file(path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(file), {}};
    if (file.is_open() && !file.bad()) return content;
  } catch (const std::exception&) {
  }
  return Error{ErrorCode::kSystem,
               fmt::format("{}: cannot be read ({}): check --config", path, std::strerror(errno))};
}

}  // namespace

Config::Config() {
  http.server.listen = {"0.0.0.0:8080"};
  http.server.listen_tls = {"0.0.0.0:8443"};
  http.server.config_key = "http.listen";
  api.listen = {"127.0.0.1:9464"};
  api.config_key = "api.listen";
  rtmp.listen = {"0.0.0.0:1935"};
  rtmp.listen_tls = {"0.0.0.0:1936"};
  srt.listen = {"0.0.0.0:9000"};
  const transcode::RungTemplate source{.name = "source", .passthrough = true};
  ladder["default"] = {source,
                       {.name = "720p", .height = 720, .bits_per_second = 2'800'000},
                       {.name = "480p", .height = 480, .bits_per_second = 1'200'000},
                       {.name = "360p", .height = 360, .bits_per_second = 700'000}};
  ladder["source-only"] = {source};
}

const Ladder& Config::ladder_of(const std::string& channel) const {
  const auto found = channels.find(channel);
  return ladder.at(found == channels.end() ? "default" : found->second.ladder);
}

PublisherRules Config::publisher_rules_of(const std::string& channel) const {
  const auto found = channels.find(channel);
  const ChannelConfig own = found == channels.end() ? ChannelConfig() : found->second;
  PublisherRules rules{.grace = own.grace.value_or(limits.grace),
                       .end_on_unpublish = own.end_on_unpublish.value_or(limits.end_on_unpublish),
                       .takeover = own.takeover.value_or(limits.takeover),
                       .hold = own.hold.value_or(transcode.hold),
                       .hold_after = transcode.hold_after,
                       .slate = own.slate.empty() ? transcode.slate : own.slate,
                       .encode = own.encode.value_or(transcode.encode),
                       .priority = own.priority};
  if (!transcode.enabled) rules.hold = HoldMode::kNone;
  return rules;
}

ingest::KeyOptions Config::key_options() const {
  ingest::KeyOptions options{.open = auth.open,
                             .channels = {},
                             .limits = limits.publish,
                             .key_file = auth.key_file,
                             .signing_keys = auth.signing_keys};
  for (const auto& [name, channel] : channels)
    options.channels[name] = {.keys = channel.keys, .limits = channel.limits};
  return options;
}

ingest::WebhookOptions Config::webhook_options() const {
  ingest::WebhookOptions options = auth.webhook;
  for (const auto& [name, rungs] : ladder) options.ladders.insert(name);
  return options;
}

hls::TsOptions Config::ts_options() const {
  hls::TsOptions options = hls.origin.ts;
  options.make = packager::write_ts_segment;
  for (const auto& [name, channel] : channels)
    if (channel.ts) options.channels[name] = *channel.ts;
  return options;
}

hls::DvrOptions Config::dvr_options() const {
  hls::DvrOptions options = hls.dvr;
  for (const auto& [name, channel] : channels)
    if (channel.dvr) options.channels[name] = *channel.dvr;
  return options;
}

const PlaybackKeyConfig& Config::playback_keys_of(const std::string& channel) const {
  const auto found = channels.find(channel);
  return found == channels.end() || found->second.playback.keys.empty()
             ? playback.keys
             : found->second.playback.keys;
}

Result<Config> load_config(const ConfigSources& sources) {
  if (!sources.file) return parse_config("", sources);
  ASSIGN_OR_RETURN(const std::string content, read_file(*sources.file));
  return parse_config(content, sources);
}

Result<Config> parse_config(std::string_view yaml, const ConfigSources& sources) {
  Config config = defaults(sources);
  Mistakes mistakes;
  mistakes.set_source(sources.file.value_or("configuration"), /*has_lines=*/true);
  read_yaml(yaml, config, mistakes);
  if (sources.is_open) config.auth.open = true;
  mistakes.set_source("--set", /*has_lines=*/false);
  for (const auto& assignment : sources.overrides) read_override(assignment, config, mistakes);
  check_config(config, mistakes);
  if (sources.is_demo && config.channels.contains("demo"))
    mistakes.add({"channels.demo"}, "--demo makes a channel of this name: rename yours");
  if (!mistakes.empty()) return mistakes.error();
  return config;
}

}  // namespace millrace::app
