#include "app/cdn_check/report.h"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

using namespace millrace::app::cdn_check;

namespace {

const std::vector<Finding> kMixed{{.check = "held", .verdict = Verdict::kOk, .seen = "5 of 5"},
                                  {.check = "age",
                                   .verdict = Verdict::kNote,
                                   .seen = "none\x1b[31m",
                                   .meaning = "They cannot tell",
                                   .remedy = "send it"},
                                  {.check = "key",
                                   .verdict = Verdict::kFail,
                                   .seen = "\xff same",
                                   .meaning = "It is wrong",
                                   .remedy = "add it"}};

}  // namespace

TEST_CASE("a report has a line for each check", "[cdn_check]") {
  CHECK(to_text(kMixed) ==
        "ok    held               5 of 5\n"
        "note  age                none[31m. They cannot tell: send it\n"
        "FAIL  key                \xff same. It is wrong: add it\n"
        "1 ok, 1 notes, 1 failed\n");
}

TEST_CASE("a report is good without failures", "[cdn_check]") {
  CHECK_FALSE(is_good(kMixed));
  CHECK(is_good({kMixed[0], kMixed[1]}));
}

TEST_CASE("a report in JSON has all of it, whatever the bytes", "[cdn_check]") {
  const auto report = nlohmann::json::parse(to_json("https://edge/a", kMixed));
  CHECK(report["url"] == "https://edge/a");
  CHECK(report["good"] == false);
  CHECK(report["checks"].size() == 3);
  CHECK(report["checks"][2]["verdict"] == "FAIL");
  CHECK(report["checks"][1]["remedy"] == "send it");
}
