#pragma once
// Text into the one YAML document in it, whatever the text. Any thread.
#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <string_view>

#include "app/mistakes.h"

namespace millrace::app {

/// Null for empty text. Anything but one well-formed document is a mistake of `path`, told without
/// quoting the text, which may hold publishing keys.
std::optional<YAML::Node> parse_yaml_document(std::string_view text, const std::string& path,
                                              Mistakes& mistakes);

}  // namespace millrace::app
