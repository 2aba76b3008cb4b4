#pragma once
// The command line of `millrace`. Called once by main.
#include <chrono>
#include <string>
#include <variant>

#include "app/cdn_check/probe.h"
#include "app/config.h"

namespace millrace::app {

struct Serve {
  ConfigSources sources;
};

struct CheckConfig {
  ConfigSources sources;
  bool print_reference = false;  ///< Prints configuration_reference() and nothing else.
};

/// `millrace sign`: prints a signed key.
struct SignKey {
  ConfigSources sources;
  std::string channel;
  std::chrono::seconds expires_in{0};
  ingest::PublishLimits limits{};
};

/// `millrace sign-playback`: prints a signed URL.
struct SignPlayback {
  ConfigSources sources;
  std::string channel;
  std::chrono::seconds expires_in{0};
  std::string server;        ///< "https://play.example.com", in front of the path; may be empty.
  bool is_in_query = false;  ///< The token is, else in the path.
};

/// `millrace hash-key`: prints the hash of the key on standard input.
struct HashKey {
  bool is_salted = false;
};

/// `millrace probe-hardware`: prints the devices that rungs can be made on.
struct ProbeHardware {};

/// `millrace check-cdn`: tells whether a cache in front of a channel behaves (docs/cdn.md).
struct CheckCdn {
  cdn_check::Target target;
  bool is_json = false;
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

using Command =
    std::variant<Serve, CheckConfig, SignKey, SignPlayback, HashKey, ProbeHardware, CheckCdn, Exit>;

/// What the command line asks for. Never throws; mistakes are an Exit with kExitMistake.
Command parse_options(int argument_count, const char* const* arguments);

/// Does what `check-config` does: loads, and says so or lists every mistake.
Exit check_config(const CheckConfig& command);

/// Signs with the first of auth.signing_keys. `now` is since the Unix epoch.
Exit sign_key(const SignKey& command, std::chrono::nanoseconds now);

/// Signs with the first signing key of the channel. `now` is since the Unix epoch.
Exit sign_playback(const SignPlayback& command, std::chrono::nanoseconds now);

/// `input` is a line with the key; its end is no part of it.
Exit hash_key(const HashKey& command, const std::string& input);

/// The report for standard output, whatever the exit code: kExitOk or kExitFailure. Takes as long
/// as some five segments.
Exit check_cdn(const CheckCdn& command);

}  // namespace millrace::app
