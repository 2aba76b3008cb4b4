#include "app/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "app/cdn_check/judgement.h"
#include "app/cdn_check/report.h"
#include "app/config_keys.h"
#include "app/config_reference.h"
#include "app/version.h"
#include "net/digest.h"
#include "net/http_client.h"

namespace millrace::app {
namespace {

constexpr const char* kAbout =
    "millrace, a low-latency live video server. Without a command it serves; without a\n"
    "configuration file it runs by its defaults.";

struct Arguments {
  std::string config;
  std::vector<std::string> overrides;
  bool is_open = false;
  bool is_demo = false;
  bool print_reference = false;
  std::string channel;
  std::string expires_in = "24h";
  std::string bitrate;
  std::string width;
  std::string height;
  std::string frame_rate;
  std::string session;
  std::string server;
  bool is_in_query = false;
  bool is_salted = false;
  cdn_check::Target cdn;
  bool is_json = false;
};

ConfigSources sources_of(const Arguments& arguments) {
  ConfigSources sources;
  sources.overrides = arguments.overrides;
  sources.is_open = arguments.is_open;
  sources.is_demo = arguments.is_demo;
  if (!arguments.config.empty()) sources.file = arguments.config;
  return sources;
}

void declare_token(CLI::App& command, Arguments& arguments) {
  command.add_option("--channel", arguments.channel, "The channel that it opens")
      ->type_name("NAME")
      ->required();
  command.add_option("--expires-in", arguments.expires_in, "How long it opens it; default 24h")
      ->type_name("DURATION");
}

void declare_sign(CLI::App& command, Arguments& arguments) {
  declare_token(command, arguments);
  command.add_option("--bitrate", arguments.bitrate, "Limit of the publisher, such as 6M");
  command.add_option("--width", arguments.width, "Limit of the picture's longer side");
  command.add_option("--height", arguments.height, "Limit of its shorter side");
  command.add_option("--frame-rate", arguments.frame_rate, "Limit of pictures a second");
  command.add_option("--session", arguments.session, "Limit of one session, such as 2h");
}

void declare_check_cdn(CLI::App& command, Arguments& arguments) {
  command.add_option("url", arguments.cdn.url, "A live playlist as players get it")
      ->type_name("URL")
      ->required();
  command.add_option("--origin", arguments.cdn.origin, "The same one at the origin, to compare")
      ->type_name("URL");
  command.add_option("--ca", arguments.cdn.ca_file, "Authorities of the certificates, PEM")
      ->type_name("FILE");
  command.add_flag("--json", arguments.is_json, "Print the report as JSON");
}

void declare_sign_playback(CLI::App& command, Arguments& arguments) {
  declare_token(command, arguments);
  command
      .add_option("--server", arguments.server,
                  "What to write in front of the path, such as https://play.example.com")
      ->type_name("URL");
  command.add_flag("--query", arguments.is_in_query,
                   "With the token in the query instead of the path");
}

/// Options stand on the top level and are found there from behind a command too.
void declare(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", "millrace " + std::string(kVersion));
  app.add_option("--config", arguments.config, "Configuration file (docs/configuration.md)")
      ->type_name("FILE");
  app.add_option("--set", arguments.overrides,
                 "A configuration key by its dotted path, over the file; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--open", arguments.is_open,
               "Let any key that is a channel name publish (auth.open)");
  app.add_flag("--demo", arguments.is_demo,
               "Start the built-in channel 'demo'; open, and with /metrics on the public port");
  app.require_subcommand(0, 1);
  auto* serve = app.add_subcommand("serve", "Run the server (may be left out)");
  auto* check = app.add_subcommand("check-config", "Check the configuration and exit");
  auto* sign = app.add_subcommand("sign", "Print a signed publishing key (auth.signing_keys)");
  declare_sign(*sign, arguments);
  auto* playback =
      app.add_subcommand("sign-playback", "Print a signed URL for viewers (playback.signing_keys)");
  declare_sign_playback(*playback, arguments);
  auto* hash = app.add_subcommand("hash-key",
                                  "Print what channels.NAME.keys may hold for the key "
                                  "on standard input");
  hash->add_flag("--salt", arguments.is_salted, "With a salt: then only CHANNEL?key=KEY opens it");
  auto* probe = app.add_subcommand("probe-hardware",
                                   "Print the GPUs that rungs can be made on (transcode.devices)");
  auto* cdn =
      app.add_subcommand("check-cdn", "Tell whether a cache in front of a live channel behaves");
  declare_check_cdn(*cdn, arguments);
  for (auto* command : {serve, check, sign, playback, hash, probe, cdn}) {
    command->set_help_flag();
    command->fallthrough();
  }
  check->add_flag("--print-docs", arguments.print_reference,
                  "Print the tables of docs/configuration.md instead");
}

/// CLI11 quotes what it does not expect whole; behind '=' may stand a publishing key.
std::string without_values(const std::string& message) {
  std::string result;
  bool is_value = false;
  for (const char c : message) {
    if (c == ' ') is_value = false;
    if (!is_value) result += c;
    if (c == '=') is_value = true;
  }
  return result;
}

Exit mistake(const std::string& message) {
  return {kExitMistake,
          fmt::format("{}\nRun millrace --help for the options.\n", without_values(message))};
}

/// An option's text by the rule of the configuration key `path`, whose limit it is.
std::optional<Exit> read_limit(std::string_view path, std::string_view option,
                               const std::string& text, ChannelConfig& into) {
  if (text.empty()) return std::nullopt;
  const auto keys = channel_keys();
  const auto row =
      std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.path == path; });
  const auto value = parse_value(row->rule, text);
  if (!value.has_value()) return mistake(fmt::format("{}: {}", option, value.error().message));
  row->set(into, value.value());
  return std::nullopt;
}

/// Of --channel and --expires-in.
std::optional<Exit> read_token(const Arguments& arguments, std::chrono::seconds& expires_in) {
  if (!is_channel_name(arguments.channel))
    return mistake(fmt::format("--channel: a channel's name is {}", remedy_for(ValueKind::kName)));
  constexpr std::int64_t kLongest = std::chrono::nanoseconds(std::chrono::hours(24 * 3650)).count();
  const auto parsed =
      parse_value({ValueKind::kDuration, {1'000'000'000, kLongest}}, arguments.expires_in);
  if (!parsed.has_value()) return mistake(fmt::format("--expires-in: {}", parsed.error().message));
  expires_in = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::nanoseconds(std::get<std::int64_t>(parsed.value())));
  return std::nullopt;
}

Command sign_playback_command(const Arguments& arguments) {
  SignPlayback command{.sources = sources_of(arguments),
                       .channel = arguments.channel,
                       .server = arguments.server,
                       .is_in_query = arguments.is_in_query};
  if (auto wrong = read_token(arguments, command.expires_in)) return std::move(*wrong);
  while (command.server.ends_with('/')) command.server.pop_back();
  return command;
}

Command sign_command(const Arguments& arguments) {
  std::chrono::seconds expires_in{0};
  if (auto wrong = read_token(arguments, expires_in)) return std::move(*wrong);
  ChannelConfig limits;
  for (const auto& [path, option, text] :
       {std::tuple{"limits.bitrate", "--bitrate", &arguments.bitrate},
        std::tuple{"limits.width", "--width", &arguments.width},
        std::tuple{"limits.height", "--height", &arguments.height},
        std::tuple{"limits.frame_rate", "--frame-rate", &arguments.frame_rate},
        std::tuple{"limits.session", "--session", &arguments.session}})
    if (auto wrong = read_limit(path, option, *text, limits)) return std::move(*wrong);
  return SignKey{.sources = sources_of(arguments),
                 .channel = arguments.channel,
                 .expires_in = expires_in,
                 .limits = limits.limits};
}

Command check_cdn_command(const Arguments& arguments) {
  for (const auto* url : {&arguments.cdn.url, &arguments.cdn.origin}) {
    if (url == &arguments.cdn.origin && url->empty()) continue;
    if (const auto good = net::check_http_url(*url); !good.has_value())
      return mistake(fmt::format("check-cdn: {}", good.error().message));
  }
  return CheckCdn{.target = arguments.cdn, .is_json = arguments.is_json};
}

}  // namespace

Command parse_options(int argument_count, const char* const* arguments) {
  Arguments values;
  try {
    CLI::App app(kAbout, "millrace");
    declare(app, values);
    const std::string help =
        app.help();  // Afterwards it would be the command's own, without these.
    try {
      app.parse(argument_count, arguments);
    } catch (const CLI::CallForVersion& version) {
      return Exit{kExitOk, std::string(version.what()) + "\n"};
    } catch (const CLI::CallForHelp&) {
      return Exit{kExitOk, help};
    }
    if (app.got_subcommand("check-config"))
      return CheckConfig{sources_of(values), values.print_reference};
    if (app.got_subcommand("sign")) return sign_command(values);
    if (app.got_subcommand("sign-playback")) return sign_playback_command(values);
    if (app.got_subcommand("hash-key")) return HashKey{values.is_salted};
    if (app.got_subcommand("probe-hardware")) return ProbeHardware{};
    if (app.got_subcommand("check-cdn")) return check_cdn_command(values);
  } catch (const CLI::Error& error) {
    return mistake(error.what());
  }
  return Serve{sources_of(values)};
}

Exit check_config(const CheckConfig& command) {
  if (command.print_reference) return {kExitOk, configuration_reference()};
  const auto config = load_config(command.sources);
  if (!config.has_value()) return {kExitMistake, config.error().message + "\n"};
  return {kExitOk, fmt::format("{}: no mistakes, {} channels\n",
                               command.sources.file.value_or("built-in configuration"),
                               config.value().channels.size())};
}

Exit sign_key(const SignKey& command, std::chrono::nanoseconds now) {
  const auto config = load_config(command.sources);
  if (!config.has_value()) return {kExitMistake, config.error().message + "\n"};
  const auto& secrets = config.value().auth.signing_keys;
  if (secrets.empty())
    return {kExitMistake, "auth.signing_keys: there is none to sign with: add one, and --config\n"};
  const auto expires = std::chrono::duration_cast<std::chrono::seconds>(now) + command.expires_in;
  return {kExitOk,
          ingest::sign_key(command.channel, expires, command.limits, secrets.front()) + "\n"};
}

Exit sign_playback(const SignPlayback& command, std::chrono::nanoseconds now) {
  const auto config = load_config(command.sources);
  if (!config.has_value()) return {kExitMistake, config.error().message + "\n"};
  const auto& secrets = config.value().playback_keys_of(command.channel).signing_keys;
  if (secrets.empty())
    return {kExitMistake,
            "playback.signing_keys: there is none to sign with: add one, and --config\n"};
  const auto expires = std::chrono::duration_cast<std::chrono::seconds>(now) + command.expires_in;
  const auto token = hls::sign_playback(command.channel, expires, secrets.front());
  return {kExitOk, fmt::format("{}{}\n", command.server,
                               hls::playback_path(command.channel, token, command.is_in_query))};
}

Exit hash_key(const HashKey& command, const std::string& input) {
  const std::string key = input.substr(0, input.find_first_of("\r\n"));
  if (const auto good = ingest::check_key(key); !good.has_value())
    return {kExitMistake, "standard input: " + good.error().message + "\n"};
  constexpr std::size_t kSaltBytes = 8;
  const std::string salt = command.is_salted ? net::random_hex(kSaltBytes) : "";
  return {kExitOk, ingest::hash_key(key, salt) + "\n"};
}

Exit check_cdn(const CheckCdn& command) {
  Metrics metrics;
  const auto client = net::create_http_client(
      {.user_agent = fmt::format("millrace-check-cdn/{}", kVersion)}, metrics);
  if (!client.has_value()) return {kExitFailure, client.error().message + "\n"};
  const auto evidence = cdn_check::observe(*client.value(), command.target);
  const auto findings =
      evidence.has_value()
          ? cdn_check::judge(evidence.value())
          : std::vector<cdn_check::Finding>{
                {.check = "playlist",
                 .verdict = cdn_check::Verdict::kFail,
                 .seen = evidence.error().message,
                 .meaning = "There is nothing to check",
                 .remedy = "give the URL of a channel's playlist while it is live"}};
  return {cdn_check::is_good(findings) ? kExitOk : kExitFailure,
          command.is_json ? cdn_check::to_json(command.target.url, findings)
                          : cdn_check::to_text(findings)};
}

}  // namespace millrace::app
