#include "app/config_reference.h"

#include <fmt/format.h>

#include "app/config_keys.h"

namespace millrace::app {
namespace {

/// A default that its own rule refuses is none: the key is needed, or its help says what holds.
std::string default_of(const ValueRule& rule, const Value& value) {
  const std::string text = print_value(rule.kind, value);
  if (is_list(rule.kind)) return "`" + text + "`";
  const auto* const word = std::get_if<std::string>(&value);
  return parse_value(rule, word != nullptr ? *word : text).has_value() ? "`" + text + "`" : "none";
}

template <typename Owner>
std::string table(std::span<const ConfigKey<Owner>> rows, const std::string& prefix,
                  const Owner& defaults) {
  std::string text = "| Key | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n";
  for (const auto& row : rows)
    text +=
        fmt::format("| `{}{}` | {} | {} | {} | {} |\n", prefix, row.path, name_of(row.rule.kind),
                    default_of(row.rule, row.get(defaults)), print_bounds(row.rule), row.help);
  return text;
}

}  // namespace

std::string configuration_reference() {
  return table(config_keys(), "", Config()) + "\nFor each channel, by its name:\n\n" +
         table(channel_keys(), "channels.NAME.", ChannelConfig()) +
         "\nFor each rung of a ladder template, a list under the template's name:\n\n" +
         table(rung_keys(), "ladder.NAME[].", transcode::RungTemplate());
}

}  // namespace millrace::app
