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

TEST_CASE("a connection whose address is not known yet counts in all alone", "[rtmp]") {
  ConnectionLimits limits(3, 1);
  CHECK(limits.try_add_unknown());
  CHECK(limits.try_add_unknown());
  CHECK(limits.try_add_unknown());
  CHECK_FALSE(limits.try_add_unknown());
  CHECK_FALSE(limits.try_add("192.0.2.1"));
  CHECK(limits.try_make_known("192.0.2.1"));
  CHECK_FALSE(limits.try_make_known("192.0.2.1"));  // It stays unknown.
  limits.remove_unknown();
  limits.remove_unknown();
  CHECK_FALSE(limits.try_add("192.0.2.1"));
  limits.remove("192.0.2.1");
  for (const auto* address : {"192.0.2.1", "192.0.2.2", "192.0.2.3"})
    CHECK(limits.try_add(address));
  CHECK_FALSE(limits.try_add_unknown());
}
