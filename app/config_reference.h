#pragma once
// The tables of docs/configuration.md. Any thread.
#include <string>

namespace millrace::app {

/// Markdown, made from the rows of config_keys.h and the defaults of Config.
std::string configuration_reference();

}  // namespace millrace::app
