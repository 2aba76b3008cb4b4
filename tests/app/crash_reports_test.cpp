#include "app/crash_reports.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/log.h"
#include "tests/support/fake_clock.h"

using namespace millrace;
using namespace millrace::app;

namespace {

Bytes bytes_of(std::string_view text) {
  return Bytes::copy_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

struct Fixture {
  Fixture() {
    log::set_level(log::Level::kOff);
    std::string name = std::filesystem::temp_directory_path() / "millrace-crash-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
  }
  ~Fixture() {
    std::filesystem::remove_all(folder);
    log::set_level(log::Level::kInfo);
  }
  std::set<std::string> files(const std::string& suffix = ".crash") const {
    std::set<std::string> names;
    if (std::filesystem::exists(folder))
      for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == suffix) names.insert(entry.path().filename());
    return names;
  }
  double count(const char* outcome) {
    return metrics.counter("millrace_transcode_crash_reports_total", "", {{"outcome", outcome}})
        .value();
  }
  static transcode::WorkerCrash crash(const std::string& channel) {
    return {.channel = channel, .why = "signal 11", .input = {bytes_of("one "), bytes_of("two")}};
  }

  test::FakeClock clock;
  Metrics metrics;
  std::string folder;
};

}  // namespace

TEST_CASE("a crash report is a file of what the worker was sent", "[crash_reports]") {
  Fixture f;
  f.folder += "/made/here";
  {
    CrashReports reports(f.folder, f.metrics, f.clock);
    reports.add(f.crash("shop"));
  }
  REQUIRE(f.files().size() == 1);
  CHECK(f.files().begin()->find("-shop.crash") != std::string::npos);
  std::ifstream file(f.folder + "/" + *f.files().begin());
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == "one two");
  CHECK(f.count("written") == 1);
}

TEST_CASE("the newest crash reports are kept, and other files are left alone", "[crash_reports]") {
  Fixture f;
  std::ofstream(f.folder + "/00000000T000000Z-0000-old.crash") << "old";
  std::ofstream(f.folder + "/mine.txt") << "mine";
  for (std::size_t i = 0; i < CrashReports::kMostFiles; ++i) {
    CrashReports reports(f.folder, f.metrics, f.clock);
    reports.add(f.crash("shop" + std::to_string(i)));
  }
  CHECK(f.files().size() == CrashReports::kMostFiles);
  CHECK(f.files().count("00000000T000000Z-0000-old.crash") == 0);
  CHECK(f.files(".txt").size() == 1);
}

TEST_CASE("a folder that cannot be written to is told, and nothing waits for it",
          "[crash_reports]") {
  Fixture f;
  std::ofstream(f.folder + "/file") << "no folder";
  {
    CrashReports reports(f.folder + "/file", f.metrics, f.clock);
    for (int i = 0; i < 50; ++i) reports.add(f.crash("shop"));
  }
  CHECK(f.count("written") == 0);
  CHECK(f.count("failed") + f.count("dropped") == 50);
  CHECK(f.count("failed") >= 1);
}
