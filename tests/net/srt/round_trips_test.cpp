#include "net/srt/round_trips.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace millrace::net::srt;

TEST_CASE("a host's newest round trip is known for an hour", "[srt]") {
  RoundTrips trips;
  const RoundTrips::TimePoint began{1h};
  CHECK_FALSE(trips.find("192.0.2.1", began).has_value());
  trips.remember("192.0.2.1", 90ms, began);
  trips.remember("192.0.2.1", 80ms, began + 1s);
  CHECK(trips.find("192.0.2.1", began + 1h) == 80ms);
  CHECK_FALSE(trips.find("192.0.2.1", began + 1h + 2s).has_value());
  CHECK_FALSE(trips.find("192.0.2.2", began).has_value());
}

TEST_CASE("past the limit the host heard of longest ago is forgotten", "[srt]") {
  RoundTrips trips;
  const RoundTrips::TimePoint began{1h};
  for (std::size_t i = 0; i <= RoundTrips::kMaxHosts; ++i)
    trips.remember(std::to_string(i), 1ms, began + std::chrono::milliseconds(i));
  CHECK(trips.size() == RoundTrips::kMaxHosts);
  CHECK_FALSE(trips.find("0", began + 20s).has_value());
  CHECK(trips.find("1", began + 20s).has_value());
}
