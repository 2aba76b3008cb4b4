#pragma once
// The command line of `millrace`. Called once by main.
#include <string>
#include <variant>

#include "app/config.h"

namespace millrace::app {

struct Serve {
  ConfigSources sources;
};

struct CheckConfig {
  ConfigSources sources;
  bool print_reference = false;  ///< Prints configuration_reference() and nothing else.
};

/// Nothing to run: `text` goes to standard output where `exit_code` is 0, to standard error else.
struct Exit {
  int exit_code = 0;
  std::string text;
};

/// 0 after a clean stop, 1 for a run-time failure, 2 for a mistake in options or configuration.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitMistake = 2;

using Command = std::variant<Serve, CheckConfig, Exit>;

/// What the command line asks for. Never throws; mistakes are an Exit with kExitMistake.
Command parse_options(int argument_count, const char* const* arguments);

/// Does what `check-config` does: loads, and says so or lists every mistake.
Exit check_config(const CheckConfig& command);

}  // namespace millrace::app
