#include "app/cdn_check/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "app/json_text.h"

namespace millrace::app::cdn_check {
namespace {

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kNote:
      return "note";
    case Verdict::kFail:
      return "FAIL";
  }
  return "FAIL";
}

/// Headers come from outside.
std::string printable(std::string text) {
  std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  return text;
}

std::size_t count(const std::vector<Finding>& findings, Verdict verdict) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [verdict](const Finding& finding) { return finding.verdict == verdict; }));
}

}  // namespace

bool is_good(const std::vector<Finding>& findings) {
  return count(findings, Verdict::kFail) == 0;
}

std::string to_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{:4}  {:18} {}", word_of(finding.verdict), finding.check,
                        printable(finding.seen));
    if (!finding.meaning.empty())
      text += fmt::format(". {}: {}", printable(finding.meaning), printable(finding.remedy));
    text += '\n';
  }
  text += fmt::format("{} ok, {} notes, {} failed\n", count(findings, Verdict::kOk),
                      count(findings, Verdict::kNote), count(findings, Verdict::kFail));
  return text;
}

std::string to_json(const std::string& url, const std::vector<Finding>& findings) {
  auto checks = nlohmann::json::array();
  for (const Finding& finding : findings)
    checks.push_back({{"check", finding.check},
                      {"verdict", word_of(finding.verdict)},
                      {"seen", finding.seen},
                      {"meaning", finding.meaning},
                      {"remedy", finding.remedy}});
  const nlohmann::json report{
      {"url", url}, {"good", is_good(findings)}, {"checks", std::move(checks)}};
  return app::to_text(report) + '\n';
}

}  // namespace millrace::app::cdn_check
