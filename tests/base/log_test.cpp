#include "base/log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include "tests/base/captured_errors.h"

using millrace::test::CapturedErrors;
namespace logging = millrace::log;

namespace {

/// What `task` logs at `level`, which is the default one again afterwards. Without the time of
/// each line, which must look like one.
template <typename Task>
std::string logged(logging::Level level, Task task) {
  std::string text;
  {
    const CapturedErrors captured;
    logging::set_level(level);
    task();
    logging::set_level(logging::Level::kInfo);
    text = captured.text();
  }
  std::string rest;
  for (std::size_t at = 0; at < text.size();) {
    std::string time = text.substr(at, 24);
    for (char& c : time)
      if (c >= '1' && c <= '9') c = '0';
    REQUIRE(time == "0000-00-00T00:00:00.000Z");
    const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
    rest += text.substr(at + 24, end - at - 24);
    at = end;
  }
  return rest;
}

std::string logged(std::string_view text) {
  return logged(logging::Level::kInfo,
                [&] { logging::write(logging::Level::kInfo, "test", text); });
}

}  // namespace

// The first one, before any sets a level.
// The first one: spdlog keeps the broken-down time of a second that it has written before.
TEST_CASE("times are UTC, whatever the machine's zone", "[log]") {
  const auto minute = [] {
    const std::time_t now = std::time(nullptr);
    char text[] = "2026-05-01T12:00";
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M", std::gmtime(&now));
    return std::string(text);
  };
  const char* const zone = std::getenv("TZ");
  const std::string zone_before = zone != nullptr ? zone : "";
  ::setenv("TZ", "XXX-05:30", 1);
  ::tzset();
  std::string text;
  const auto before = minute();
  {
    const CapturedErrors captured;
    logging::info("s", "x");
    text = captured.text();
  }
  const auto after = minute();
  zone != nullptr ? ::setenv("TZ", zone_before.c_str(), 1) : ::unsetenv("TZ");
  ::tzset();
  CHECK((text.starts_with(before) || text.starts_with(after)));
}

TEST_CASE("information is the level unless another is set, and can be asked for", "[log]") {
  CHECK(logging::is_enabled(logging::Level::kInfo));
  CHECK_FALSE(logging::is_enabled(logging::Level::kDebug));
  logging::set_level(logging::Level::kError);
  CHECK(logging::is_enabled(logging::Level::kError));
  CHECK_FALSE(logging::is_enabled(logging::Level::kWarning));
  logging::set_level(logging::Level::kInfo);
}

TEST_CASE("a line is time, level, stage and text", "[log]") {
  CHECK(logged(logging::Level::kInfo, [] {
          logging::info("ingest", "publisher connected channel={} tries={}", "shop", 2);
        }) == " info    ingest: publisher connected channel=shop tries=2\n");
}

TEST_CASE("each level says its name", "[log]") {
  CHECK(logged(logging::Level::kDebug,
               [] {
                 logging::debug("s", "1");
                 logging::info("s", "2");
                 logging::warning("s", "3");
                 logging::error("s", "4");
               }) ==
        " debug   s: 1\n"
        " info    s: 2\n"
        " warning s: 3\n"
        " error   s: 4\n");
}

TEST_CASE("below the level nothing is written", "[log]") {
  struct Case {
    logging::Level level;
    std::string written;
  };
  const auto [level, written] = GENERATE(values<Case>({
      {logging::Level::kDebug, " debug   s: d\n info    s: i\n warning s: w\n error   s: e\n"},
      {logging::Level::kInfo, " info    s: i\n warning s: w\n error   s: e\n"},
      {logging::Level::kWarning, " warning s: w\n error   s: e\n"},
      {logging::Level::kError, " error   s: e\n"},
      {logging::Level::kOff, ""},
  }));
  CHECK(logged(level, [] {
          logging::debug("s", "{}", 'd');
          logging::info("s", "{}", 'i');
          logging::warning("s", "{}", 'w');
          logging::error("s", "{}", 'e');
        }) == written);
}

TEST_CASE("what a peer sent never begins a line of its own", "[log]") {
  CHECK(logged(std::string_view("a\r\nb\tc\0d\x1b[31m\x7f", 14)) ==
        " info    test: a\\x0d\\x0ab\\x09c\\x00d\\x1b[31m\\x7f\n");
}

TEST_CASE("text that looks like a format, and other alphabets, are left as they are", "[log]") {
  CHECK(logged("{} %v {0:x} grüß 日本") == " info    test: {} %v {0:x} grüß 日本\n");
}

TEST_CASE("lines of several threads do not mix", "[log][threads]") {
  std::string expected;
  for (int i = 0; i < 200; ++i) expected += " info    s: " + std::string(100, 'x') + "\n";
  CHECK(logged(logging::Level::kInfo, [] {
          std::vector<std::thread> threads;
          for (int i = 0; i < 4; ++i)
            threads.emplace_back([] {
              for (int n = 0; n < 50; ++n) logging::info("s", "{}", std::string(100, 'x'));
            });
          for (auto& thread : threads) thread.join();
        }) == expected);
}
