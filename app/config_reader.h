#pragma once
// YAML text into a Config, by the rows of config_keys.h. Only what is wrong with one key by itself
// is found here; config_checks.h has the rest. One thread.
#include <string>
#include <string_view>

#include "app/config.h"
#include "app/mistakes.h"

namespace millrace::app {

/// Reads a whole file's text over `config`: what it does not mention stays as it is.
void read_yaml(std::string_view text, Config& config, Mistakes& mistakes);

/// Reads one "KEY=VALUE" over `config`; a mapping as value is merged in, a list replaces.
void read_override(std::string_view assignment, Config& config, Mistakes& mistakes);

}  // namespace millrace::app
