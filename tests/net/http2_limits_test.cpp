#include "net/http2_limits.h"

#include <catch2/catch.hpp>

using millrace::net::http2_limits;

TEST_CASE("a connection may cost as much as its requests under way explain", "[http2]") {
  const auto usual = http2_limits({.listen = {}});
  CHECK(usual.header_bytes == 256 * 1024);
  CHECK(usual.cuts_at_once == 200);
  CHECK(usual.cuts_per_second == 20);
  const auto of_a_cdn = http2_limits({.listen = {}, .max_streams = 1'000});
  CHECK(of_a_cdn.header_bytes > 9 * usual.header_bytes);
  CHECK(of_a_cdn.cuts_at_once == 2'000);
  CHECK(of_a_cdn.cuts_per_second == 200);
  const auto small = http2_limits({.listen = {}, .max_streams = 1});
  CHECK(small.header_bytes == usual.header_bytes);
  CHECK(small.cuts_at_once == 2);
  CHECK(small.cuts_per_second == 20);
}
