#include "app/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "app/config_keys.h"
#include "app/yaml_document.h"

namespace millrace::app {
namespace {

/// A template is a handful of sizes; each is an encoder per channel.
constexpr std::size_t kMaxRungs = 16;
/// Sections that other versions of millrace have.
constexpr std::array<std::string_view, 4> kOtherSections{"archive", "push", "restream", "webhooks"};

int line_of(const YAML::Node& node) {
  return node.Mark().line;
}

/// Where nothing is written, the parser has gone on to the next line.
int line_of_value(const YAML::Node& key, const YAML::Node& value) {
  return line_of(value.IsNull() ? key : value);
}

std::string joined(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

class Reader {
 public:
  Reader(Config& config, Mistakes& mistakes) : config_(config), mistakes_(mistakes) {}

  void read_top(const YAML::Node& node) {
    for_each_entry(node, "",
                   [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                     if (name == "channels") return read_channels(value);
                     if (name == "ladder") return read_ladders(value);
                     read_section(name, key, value);
                   });
  }

 private:
  /// A mapping's entries, once each; nothing at all counts as an empty mapping, so that a section
  /// may be commented out line by line.
  template <typename Visit>
  void for_each_entry(const YAML::Node& node, const std::string& path, Visit visit) {
    if (node.IsNull()) return;
    if (!node.IsMap())
      return mistakes_.add(line_of(node), path, "must be a mapping of keys to values");
    std::unordered_set<std::string> seen;
    for (const auto& entry : node) {
      const YAML::Node key = entry.first;
      if (!key.IsScalar()) {
        mistakes_.add(line_of(key), path, "a key must be plain text");
        continue;
      }
      const std::string& name = key.Scalar();
      if (!seen.insert(name).second)
        mistakes_.add(line_of(key), joined(path, name), "is there twice: remove one");
      else
        visit(name, key, entry.second);
    }
  }

  void read_section(const std::string& section, const YAML::Node& key, const YAML::Node& value) {
    const auto keys = config_keys();
    const std::string prefix = section + ".";
    if (has_rows_below(keys, prefix)) return read_keys(keys, prefix, value, section, config_);
    if (std::find(kOtherSections.begin(), kOtherSections.end(), section) != kOtherSections.end())
      return mistakes_.add(line_of(key), section, "this version has no such section: remove it");
    mistakes_.add(line_of(key), shown(section), "unknown key; known here: " + section_names());
  }

  template <typename Owner>
  static bool has_rows_below(std::span<const ConfigKey<Owner>> rows, const std::string& prefix) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const ConfigKey<Owner>& row) { return row.path.starts_with(prefix); });
  }

  /// Every entry of `node` by the row `row_prefix` + name, or by the rows below that.
  template <typename Owner>
  void read_keys(std::span<const ConfigKey<Owner>> rows, const std::string& row_prefix,
                 const YAML::Node& node, const std::string& path, Owner& owner) {
    for_each_entry(
        node, path, [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
          if (has_rows_below(rows, row_prefix + name + "."))
            return read_keys(rows, row_prefix + name + ".", value, joined(path, name), owner);
          const auto row = std::find_if(rows.begin(), rows.end(), [&](const ConfigKey<Owner>& r) {
            return r.path == row_prefix + name;
          });
          if (row == rows.end())
            return mistakes_.add(line_of(key), joined(path, shown(name)),
                                 "unknown key; known here: " + names_of(rows, row_prefix));
          const std::string key_path = joined(path, name);
          mistakes_.note(key_path, line_of(key));
          const int line = line_of_value(key, value);
          if (auto read = is_list(row->rule.kind) ? read_list(row->rule, value, key_path, line)
                                                  : read_scalar(row->rule, value, key_path, line))
            row->set(owner, *read);
        });
  }

  std::optional<Value> read_scalar(const ValueRule& rule, const YAML::Node& node,
                                   const std::string& path, int line) {
    if (node.IsScalar()) {
      auto value = parse_value(rule, node.Scalar());
      if (value.has_value()) return std::move(value).value();
      mistakes_.add(line, path, value.error().message);
    } else {
      mistakes_.add(
          line, path,
          fmt::format("{}: write {}", node.IsNull() ? "has no value" : "must be one value",
                      remedy_for(rule.kind)));
    }
    return std::nullopt;
  }

  std::optional<Value> read_list(const ValueRule& rule, const YAML::Node& node,
                                 const std::string& path, int line) {
    if (!node.IsSequence()) {
      mistakes_.add(line, path, fmt::format("must be a list: write {}", remedy_for(rule.kind)));
      return std::nullopt;
    }
    const auto size = static_cast<std::int64_t>(node.size());
    if (size < rule.bounds.least || size > rule.bounds.most) {
      mistakes_.add(line, path, fmt::format("has {}: write {}", size, print_bounds(rule)));
      return std::nullopt;
    }
    std::vector<std::string> list;
    for (const auto& entry : node)
      if (auto text = read_scalar(rule, entry, path, line_of(entry)))
        list.push_back(std::get<std::string>(*text));
    if (list.size() != node.size()) return std::nullopt;
    return Value(std::move(list));
  }

  void read_channels(const YAML::Node& node) {
    for_each_entry(node, "channels",
                   [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                     if (!is_name(name, key, "channels")) return;
                     const std::string path = joined("channels", name);
                     mistakes_.note(path, line_of(key));
                     read_keys(channel_keys(), "", value, path, config_.channels[name]);
                   });
  }

  void read_ladders(const YAML::Node& node) {
    for_each_entry(node, "ladder",
                   [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                     if (!is_name(name, key, "ladder")) return;
                     const std::string path = joined("ladder", name);
                     mistakes_.note(path, line_of(key));
                     // Known from here on, whatever its value, so that its channels are not found
                     // wrong too.
                     Ladder& ladder = config_.ladder[name];
                     if (value.IsSequence() && value.size() > 0 && value.size() <= kMaxRungs)
                       ladder = read_ladder(value, path);
                     else
                       mistakes_.add(line_of_value(key, value), path,
                                     fmt::format("must be a list of 1 to {} rungs, such as "
                                                 "[{{name: source, passthrough: true}}]",
                                                 kMaxRungs));
                   });
  }

  Ladder read_ladder(const YAML::Node& rungs, const std::string& path) {
    Ladder ladder;
    for (const auto& rung : rungs) {
      // Counted from 0, as the checks do that come later.
      const std::string rung_path = fmt::format("{}[{}]", path, ladder.size());
      mistakes_.note(rung_path, line_of(rung));
      ladder.emplace_back();
      if (rung.IsMap())
        read_keys(rung_keys(), "", rung, rung_path, ladder.back());
      else
        mistakes_.add(line_of(rung), rung_path, "must be a mapping");
    }
    return ladder;
  }

  bool is_name(const std::string& name, const YAML::Node& key, const std::string& path) {
    const auto parsed = parse_value({ValueKind::kName}, name);
    if (!parsed.has_value()) mistakes_.add(line_of(key), path, parsed.error().message);
    return parsed.has_value();
  }

  static std::string shown(const std::string& name) {
    const std::string quoted = quote(name);
    return !name.empty() && quoted == "'" + name + "'" ? name : quoted;
  }

  template <typename Owner>
  static std::string names_of(std::span<const ConfigKey<Owner>> rows, const std::string& prefix) {
    std::vector<std::string> names;
    for (const auto& row : rows) {
      if (!row.path.starts_with(prefix)) continue;
      const std::string_view rest = row.path.substr(prefix.size());
      const std::string name(rest.substr(0, rest.find('.')));
      if (names.empty() || names.back() != name) names.push_back(name);  // They are sorted.
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }

  static std::string section_names() {
    std::vector<std::string> names{"channels", "ladder"};
    for (const auto& row : config_keys()) {
      names.emplace_back(row.path.substr(0, row.path.find('.')));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return fmt::format("{}", fmt::join(names, ", "));
  }

  Config& config_;
  Mistakes& mistakes_;
};

}  // namespace

void read_yaml(std::string_view text, Config& config, Mistakes& mistakes) {
  if (const auto document = parse_yaml_document(text, "", mistakes)) {
    try {
      Reader(config, mistakes).read_top(*document);
    } catch (const YAML::Exception& error) {
      mistakes.add(error.mark.line, "", "cannot be read as YAML");
    }
  }
}

void read_override(std::string_view assignment, Config& config, Mistakes& mistakes) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0 || assignment.front() == '.')
    return mistakes.add(-1, "", "write KEY=VALUE, such as packager.part=500ms");
  std::string path(assignment.substr(0, equals));
  const auto value = parse_yaml_document(assignment.substr(equals + 1), path, mistakes);
  if (!value) return;
  try {
    // channels.shop.grace=5s is the document {channels: {shop: {grace: 5s}}}.
    YAML::Node document = *value;
    for (auto dot = path.rfind('.'); !path.empty(); dot = path.rfind('.')) {
      YAML::Node parent(YAML::NodeType::Map);
      parent.force_insert(path.substr(dot == std::string::npos ? 0 : dot + 1), document);
      document.reset(parent);  // Assignment would write into the shared value.
      path.resize(dot == std::string::npos ? 0 : dot);
    }
    Reader(config, mistakes).read_top(document);
  } catch (const YAML::Exception&) {
    mistakes.add(-1, path, "cannot be read as YAML");
  }
}

}  // namespace millrace::app
