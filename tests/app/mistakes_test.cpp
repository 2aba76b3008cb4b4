#include "app/mistakes.h"

#include <catch2/catch.hpp>

using millrace::app::Mistakes;

TEST_CASE("a mistake names file, line, key and remedy", "[config]") {
  Mistakes mistakes;
  mistakes.set_source("config.yaml", true);
  mistakes.add(6, "packager.part", "20ms is below the least, 100ms");
  CHECK(mistakes.error().message == "config.yaml:7: packager.part: 20ms is below the least, 100ms");
}

TEST_CASE("a mistake found afterwards is shown where its key was written last", "[config]") {
  Mistakes mistakes;
  mistakes.set_source("config.yaml", true);
  mistakes.note("a.first", 3);
  mistakes.note("a.second", 4);
  mistakes.set_source("--set", false);
  mistakes.note("a.second", 0);
  mistakes.add({"a.never_written", "a.second"}, "one");
  mistakes.add({"a.first", "a.second"}, "two");
  mistakes.add({"a.never_written"}, "three");
  CHECK(mistakes.error().message ==
        "--set: a.second: one\nconfig.yaml:4: a.first: two\na.never_written: three");
}

TEST_CASE("a consequence of a listed mistake is not listed", "[config]") {
  Mistakes mistakes;
  mistakes.set_source("c", true);
  mistakes.add(0, "rung.height", "is not a number");
  mistakes.add({"rung.height", "rung"}, "has no height");
  CHECK(mistakes.error().message == "c:1: rung.height: is not a number");
}

TEST_CASE("no more than a hundred mistakes are printed", "[config]") {
  Mistakes mistakes;
  mistakes.set_source("c", true);
  CHECK(mistakes.empty());
  for (int line = 0; line < 103; ++line) mistakes.add(line, "k", "wrong");
  const std::string message = mistakes.error().message;
  CHECK(message.find("c:100: k: wrong\nand 3 more") != std::string::npos);
  CHECK(message.find("c:101:") == std::string::npos);
}
