#include "net/rtmp/connection_limits.h"

#include <catch2/catch.hpp>

using millrace::net::rtmp::ConnectionLimits;

TEST_CASE("an address has its own share of the connections", "[rtmp]") {
  ConnectionLimits limits(3, 2);
  CHECK(limits.try_add("192.0.2.1"));
  CHECK(limits.try_add("192.0.2.1"));
  CHECK_FALSE(limits.try_add("192.0.2.1"));
  CHECK(limits.try_add("192.0.2.2"));
  CHECK_FALSE(limits.try_add("192.0.2.3"));  // Three in all.
  limits.remove("192.0.2.1");
  CHECK(limits.try_add("192.0.2.3"));
}

TEST_CASE("a refused connection counts nowhere", "[rtmp]") {
  ConnectionLimits limits(10, 1);
  CHECK(limits.try_add("192.0.2.1"));
  for (int i = 0; i < 20; ++i) CHECK_FALSE(limits.try_add("192.0.2.1"));
  CHECK(limits.try_add("192.0.2.2"));
}
