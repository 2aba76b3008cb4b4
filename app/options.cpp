#include "app/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/config_reference.h"
#include "app/version.h"

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
};

ConfigSources sources_of(const Arguments& arguments) {
  ConfigSources sources;
  sources.overrides = arguments.overrides;
  sources.is_open = arguments.is_open;
  sources.is_demo = arguments.is_demo;
  if (!arguments.config.empty()) sources.file = arguments.config;
  return sources;
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
  for (auto* command : {serve, check}) {
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

}  // namespace millrace::app
