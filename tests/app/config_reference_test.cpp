#include "app/config_reference.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

using millrace::app::configuration_reference;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(std::string(MILLRACE_ROOT) + "/" + path, std::ios::binary);
  REQUIRE(file.is_open());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("docs/configuration.md holds the reference that the code prints", "[config]") {
  const std::string docs = read("docs/configuration.md");
  const std::string begin = "<!-- made by: millrace check-config --print-docs -->\n";
  const std::string end = "<!-- end -->";
  const auto from = docs.find(begin);
  const auto to = docs.find(end);
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  CHECK(docs.substr(from + begin.size(), to - from - begin.size()) == configuration_reference());
}

TEST_CASE("a row shows type, default and range as they are written in the file", "[config]") {
  const std::string reference = configuration_reference();
  CHECK(reference.find("| `packager.part` | duration | `200ms` | 100ms to 1s | ") !=
        std::string::npos);
  CHECK(reference.find("| `http.listen` | list of ADDRESS:PORT | `[\"0.0.0.0:8080\"]` | ") !=
        std::string::npos);
  CHECK(reference.find("| `ladder.NAME[].height` | number | none | 64 to 4320 | ") !=
        std::string::npos);
  CHECK(reference.find("| `hls.state_file` | path | `\"\"` |  | ") != std::string::npos);
}
