#include "app/finding_json.h"

#include <nlohmann/json.hpp>

namespace millrace::app {

std::string_view to_string(ingest::Finding::Severity severity) {
  switch (severity) {
    case ingest::Finding::Severity::kNote:
      return "note";
    case ingest::Finding::Severity::kWarning:
      return "warning";
    case ingest::Finding::Severity::kProblem:
      return "problem";
  }
  return "unknown";
}

nlohmann::json describe(const ingest::Finding& finding) {
  return {{"code", finding.code},
          {"severity", to_string(finding.severity)},
          {"text", finding.text},
          {"remedy", finding.remedy},
          {"value", finding.value}};
}

}  // namespace millrace::app
