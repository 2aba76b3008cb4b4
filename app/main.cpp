// millrace: the server, and its small commands.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <variant>

#include "app/hardware.h"
#include "app/options.h"
#include "app/server.h"
#include "base/clock.h"
#include "base/log.h"

namespace {

using namespace millrace;
using namespace millrace::app;

int leave(const Exit& exit) {
  fmt::print(exit.exit_code == kExitOk ? stdout : stderr, "{}", exit.text);
  return exit.exit_code;
}

std::string executable_folder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

int serve(const Serve& command) {
  const auto config = load_config(command.sources);
  if (!config.has_value()) return leave({kExitMistake, config.error().message + "\n"});
  log::set_level(config.value().log.level);
  return run_server(config.value(),
                    {.is_demo = command.sources.is_demo, .executable_folder = executable_folder()});
}

}  // namespace

int main(int argument_count, char** arguments) {
  const Command command = parse_options(argument_count, arguments);
  if (const auto* const asked = std::get_if<Serve>(&command)) return serve(*asked);
  if (const auto* const asked = std::get_if<CheckConfig>(&command))
    return leave(check_config(*asked));
  if (const auto* const asked = std::get_if<SignKey>(&command))
    return leave(sign_key(*asked, SystemClock().wall_now()));
  if (const auto* const asked = std::get_if<SignPlayback>(&command))
    return leave(sign_playback(*asked, SystemClock().wall_now()));
  if (const auto* const asked = std::get_if<HashKey>(&command)) {
    std::string line;
    std::getline(std::cin, line);
    return leave(hash_key(*asked, line));
  }
  if (std::holds_alternative<ProbeHardware>(command))
    return leave(probe_hardware(executable_folder()));
  if (const auto* const asked = std::get_if<CheckCdn>(&command)) {
    const Exit report = check_cdn(*asked);
    fmt::print("{}", report.text);
    return report.exit_code;
  }
  return leave(std::get<Exit>(command));
}
