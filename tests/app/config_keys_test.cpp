#include "app/config_keys.h"

#include <catch2/catch.hpp>

#include <set>

using namespace millrace::app;

namespace {

/// Every row reads back what it stored, and keeps its hands off the others.
template <typename Owner>
void check_rows(std::span<const ConfigKey<Owner>> rows, const std::vector<Value>& samples) {
  REQUIRE(rows.size() == samples.size());
  Owner owner;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO(rows[i].path);
    CHECK(rows[i].get(owner) != samples[i]);
    rows[i].set(owner, samples[i]);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO(rows[i].path);
    CHECK(rows[i].get(owner) == samples[i]);
  }
}

/// A value unlike the default and unlike every other row's.
template <typename Owner>
std::vector<Value> samples_for(std::span<const ConfigKey<Owner>> rows) {
  std::vector<Value> samples;
  for (const auto& row : rows) {
    const auto number = static_cast<std::int64_t>(samples.size()) + 7;
    const Value before = row.get(Owner());
    if (row.rule.kind == ValueKind::kBoolean)
      samples.emplace_back(std::holds_alternative<bool>(before) && !std::get<bool>(before));
    else if (row.rule.kind == ValueKind::kChoices)
      samples.emplace_back(std::vector<std::string>{
          std::string(row.rule.choices.substr(row.rule.choices.rfind(' ') + 1))});
    else if (is_list(row.rule.kind))
      samples.emplace_back(std::vector<std::string>{std::to_string(number)});
    else if (row.rule.kind == ValueKind::kChoice)
      samples.emplace_back(std::string(row.rule.choices.substr(row.rule.choices.rfind(' ') + 1)));
    else if (row.rule.kind == ValueKind::kDuration)
      samples.emplace_back(number * 3'600'000'000'000);  // Whole in each unit that is kept.
    else if (std::holds_alternative<std::string>(before))
      samples.emplace_back(std::to_string(number));
    else
      samples.emplace_back(number);
  }
  return samples;
}

}  // namespace

TEST_CASE("every key has a place of its own", "[config]") {
  check_rows(config_keys(), samples_for(config_keys()));
  check_rows(channel_keys(), samples_for(channel_keys()));
  check_rows(rung_keys(), samples_for(rung_keys()));
}

TEST_CASE("every word of a choice is stored as itself", "[config]") {
  for (const auto& row : config_keys()) {
    if (row.rule.kind != ValueKind::kChoice) continue;
    std::string words(row.rule.choices);
    while (!words.empty()) {
      const std::string word = words.substr(0, words.find(' '));
      words.erase(0, word.size() + 1);
      Config config;
      row.set(config, word);
      CHECK(row.get(config) == Value(word));
    }
  }
}

TEST_CASE("every default passes its own rule, or there is none and the help says what holds",
          "[config]") {
  const Config config;
  for (const auto& row : config_keys()) {
    INFO(row.path);
    const Value value = row.get(config);
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      for (const auto& entry : *list) CHECK(parse_value(row.rule, entry).has_value());
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      const bool has_none = text->empty() && row.help.find("Without it: ") != std::string::npos;
      CHECK((has_none || parse_value(row.rule, *text).has_value()));
    } else {
      const auto parsed = parse_value(row.rule, print_value(row.rule.kind, value));
      REQUIRE(parsed.has_value());
      CHECK(parsed.value() == value);
    }
  }
}

TEST_CASE("the keys are sorted, unique and end their sentence", "[config]") {
  std::string last;
  for (const auto& row : config_keys()) {
    CHECK(last < row.path);
    CHECK(row.help.ends_with('.'));
    CHECK(row.help.find('|') == std::string_view::npos);  // Would break the table of the docs.
    last = row.path;
  }
}
