#include "app/finding_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using millrace::app::describe;
using millrace::ingest::Finding;

TEST_CASE("a finding is told with what it says and how grave it is", "[json]") {
  Finding finding;
  finding.code = "keyframe_interval";
  finding.severity = Finding::Severity::kProblem;
  finding.text = "Key frames come every 10 s.";
  finding.remedy = "Set 2 s.";
  finding.value = 10;
  CHECK(describe(finding) == nlohmann::json{{"code", "keyframe_interval"},
                                            {"severity", "problem"},
                                            {"text", "Key frames come every 10 s."},
                                            {"remedy", "Set 2 s."},
                                            {"value", 10.0}});
  finding.severity = Finding::Severity::kWarning;
  CHECK(describe(finding)["severity"] == "warning");
  finding.severity = Finding::Severity::kNote;
  CHECK(describe(finding)["severity"] == "note");
}
