#include "net/srt/refusal_log.h"

#include <catch2/catch.hpp>

using namespace millrace::net::srt;
using namespace std::chrono_literals;

TEST_CASE("a client that hammers gets a line in ten seconds, which counts the rest", "[srt]") {
  RefusalLog log;
  RefusalLog::TimePoint now{1h};
  CHECK(log.note("192.0.2.1", now) == 1u);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(log.note("192.0.2.1", now + 9s));
  CHECK(log.note("192.0.2.1", now + 10s) == 101u);
  CHECK_FALSE(log.note("192.0.2.1", now + 11s));
}

TEST_CASE("addresses have lines of their own, until there are too many", "[srt]") {
  RefusalLog log;
  const RefusalLog::TimePoint now{1h};
  for (std::size_t i = 0; i < RefusalLog::kMaxHosts; ++i)
    CHECK(log.note(std::to_string(i), now) == 1u);
  CHECK(log.note("one more", now) == 1u);
  CHECK_FALSE(log.note("and another", now));
  CHECK(log.note("much later", now + RefusalLog::kQuiet) == 1u);
}
