#include "hls/parked_requests.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_exchange.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  net::EventLoop loop;
  ParkedRequests parked;
  std::chrono::steady_clock::time_point now{1h};

  ParkedRequests::Key park(const PlaylistPosition& position) {
    return parked.add(position, {.exchange = test::exchange_for(loop, "/"), .since = now});
  }
};

}  // namespace

TEST_CASE("a request is taken when what it waits for is there", "[parked]") {
  Fixture f;
  f.park({11, 4});
  f.park({11, 4});
  f.park({11, 6});
  f.park({12, 0});
  CHECK(f.parked.take_reached({.last_complete = 10, .newest_part = {11, 3}}).empty());
  CHECK(f.parked.take_reached({.last_complete = 10, .newest_part = {11, 4}}).size() == 2);
  CHECK(f.parked.take_reached({.last_complete = 10, .newest_part = {11, 5}}).empty());
  CHECK(f.parked.take_reached({.last_complete = 11, .newest_part = {12, 0}}).size() == 2);
  CHECK(f.parked.size() == 0);
}

TEST_CASE("who waits for a whole segment is not taken for its last part", "[parked]") {
  Fixture f;
  f.park({11, PlaylistPosition::kWhole});
  CHECK(f.parked.take_reached({.last_complete = 10, .newest_part = {11, 9}}).empty());
  CHECK(f.parked.take_reached({.last_complete = 11, .newest_part = {11, 9}}).size() == 1);
}

TEST_CASE("who waits past a segment's end is taken with the next segment", "[parked]") {
  Fixture f;
  f.park({11, 10});
  CHECK(f.parked.take_reached({.last_complete = 11, .newest_part = {11, 9}}).empty());
  CHECK(f.parked.take_reached({.last_complete = 11, .newest_part = {12, 0}}).size() == 1);
}

TEST_CASE("a request that is gone is gone once", "[parked]") {
  Fixture f;
  const auto key = f.park({11, 4});
  f.park({11, 4});
  CHECK(f.parked.remove(key));
  CHECK_FALSE(f.parked.remove(key));
  CHECK(f.parked.take_reached({.last_complete = 10, .newest_part = {11, 4}}).size() == 1);
}

TEST_CASE("the oldest are given up first", "[parked]") {
  Fixture f;
  f.park({12, 0});
  f.now += 1s;
  f.park({11, 4});
  CHECK(f.parked.take_since(f.now - 1001ms).empty());
  CHECK(f.parked.take_since(f.now - 1s).size() == 1);
  CHECK(f.parked.take_since(f.now).size() == 1);
  CHECK(f.parked.take_since(f.now + 1h).empty());
}

TEST_CASE("all can be taken", "[parked]") {
  Fixture f;
  f.park({12, 0});
  f.park({11, 0});
  CHECK(f.parked.take_all().size() == 2);
  CHECK(f.parked.size() == 0);
  CHECK(f.parked.take_since(f.now + 1h).empty());
}
