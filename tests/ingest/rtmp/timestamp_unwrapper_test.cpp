#include "ingest/rtmp/timestamp_unwrapper.h"

#include <catch2/catch.hpp>

using millrace::MediaTime;
using millrace::ingest::TimestampUnwrapper;

using namespace std::chrono_literals;

TEST_CASE("times go on where 32 bits of milliseconds begin anew", "[rtmp]") {
  TimestampUnwrapper timestamps;
  CHECK(timestamps.unwrap(0xFFFFFFF0) == 4'294'967'280ms);
  CHECK(timestamps.unwrap(0x10) == 4'294'967'312ms);
  CHECK(timestamps.unwrap(0xFFFFFFFF) == 4'294'967'295ms);  // The other track is a little behind.
  CHECK(timestamps.unwrap(0x20) == 4'294'967'328ms);
}

TEST_CASE("the nearer way is taken, forward or back", "[rtmp]") {
  TimestampUnwrapper timestamps;
  CHECK(timestamps.unwrap(1000) == 1s);
  CHECK(timestamps.unwrap(400) == 400ms);
  CHECK(timestamps.unwrap(400 + 0x7FFFFFFFU) == 2'147'484'047ms);
  CHECK(timestamps.unwrap(400) == 400ms);
  CHECK(timestamps.unwrap(0xFFFFFFFF) == -1ms);  // Before the first one.
}

TEST_CASE("a source that runs as far as it can say with each packet overflows nothing", "[rtmp]") {
  const std::uint32_t step = GENERATE(0x7FFFFFFFU, 0x80000001U);
  TimestampUnwrapper timestamps;
  MediaTime farthest{};
  std::uint32_t time = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto unwrapped = timestamps.unwrap(time += step);
    farthest = std::max(farthest, std::chrono::abs(unwrapped));
    // Still that time, modulo 2^32.
    REQUIRE(static_cast<std::uint32_t>(unwrapped / 1ms) == time);
  }
  // A sum of two such times and of the time of day has room in 64 bits.
  CHECK(farthest < 24h * 365 * 50);
}
