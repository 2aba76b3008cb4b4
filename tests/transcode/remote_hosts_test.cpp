#include "transcode/remote_hosts.h"

#include "base/log.h"
#include "tests/support/fake_clock.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using transcode::RemoteHosts;

namespace {

struct Fixture {
  Fixture() { log::set_level(log::Level::kOff); }
  ~Fixture() { log::set_level(log::Level::kInfo); }

  /// Where the next worker is; "" here.
  std::string next() {
    const auto place = hosts.take();
    return place ? place->address() : "";
  }
  double workers(const std::string& host) {
    return metrics.gauge("millrace_transcode_remote_workers", "", {{"host", host}}).value();
  }
  double failures(const std::string& host) {
    return metrics.counter("millrace_transcode_remote_failures_total", "", {{"host", host}})
        .value();
  }

  test::FakeClock clock;
  Metrics metrics;
  RemoteHosts hosts{{"a:1", "b:1"}, {}, metrics, clock};
};

}  // namespace

TEST_CASE("a worker is for the host that has the fewest", "[remote]") {
  Fixture f;
  const auto first = f.hosts.take();
  auto second = f.hosts.take();
  const auto third = f.hosts.take();
  CHECK(first->address() == "a:1");
  CHECK(second->address() == "b:1");
  CHECK(third->address() == "a:1");
  CHECK(f.workers("a:1") == 2);
  second.reset();
  CHECK(f.workers("b:1") == 0);
  CHECK(f.next() == "b:1");
}

TEST_CASE("a host that fails is left out for a while, for longer each time", "[remote]") {
  Fixture f;
  f.hosts.take()->failed("no connection");
  CHECK(f.next() == "b:1");
  CHECK(f.failures("a:1") == 1);
  f.clock.advance(4'999ms);
  CHECK(f.next() == "b:1");
  f.clock.advance(1ms);
  f.hosts.take()->failed("no connection");
  f.clock.advance(9'999ms);
  CHECK(f.next() == "b:1");
  f.clock.advance(1ms);
  CHECK(f.next() == "a:1");
  for (int i = 0; i < 10; ++i) {
    f.hosts.take()->failed("no connection");
    f.clock.advance(60s);
    CHECK(f.next() == "a:1");
  }
}

TEST_CASE("what several workers tell of one host's end counts as one", "[remote]") {
  Fixture f;
  const auto a = f.hosts.take(), b = f.hosts.take(), again = f.hosts.take();
  a->failed("connection lost");
  again->failed("connection lost");
  f.clock.advance(5s);
  CHECK(f.hosts.take()->address() == "b:1");  // It has one worker, and a:1 two, still.
  a->succeeded();
  b->failed("connection lost");
  CHECK(f.next() == "a:1");
}

TEST_CASE("a host that has given a worker is in doubt no more", "[remote]") {
  Fixture f;
  f.hosts.take()->failed("full");
  f.clock.advance(5s);
  const auto place = f.hosts.take();
  place->succeeded();
  place->failed("connection lost");
  f.clock.advance(5s);
  CHECK(f.hosts.has_host());
}

TEST_CASE("where every host is left out the worker is for this machine", "[remote]") {
  Fixture f;
  f.hosts.take()->failed("no connection");
  CHECK(f.hosts.has_host());
  f.hosts.take()->failed("no connection");
  CHECK_FALSE(f.hosts.has_host());
  CHECK(f.hosts.take() == nullptr);
}
