#include "net/rtmp/server_loop.h"

#include <catch2/catch.hpp>
#include <future>

#include "tests/support/rtmp_sender.h"
#include "tests/support/rtmp_server_fixture.h"

using millrace::net::rtmp::ServerOptions;
using millrace::test::RtmpSender;
using millrace::test::RtmpServerFixture;

TEST_CASE("a connection past the limit is closed at once, and a place is free again later",
          "[rtmp]") {
  ServerOptions options;
  if (GENERATE(false, true)) {
    options.max_connections = 1;
  } else {
    options.max_connections_per_address = 1;
  }
  RtmpServerFixture fixture(options);
  RtmpSender first(fixture.port());
  REQUIRE(first.publish("live", "first") == "NetStream.Publish.Start");
  RtmpSender second(fixture.port());
  CHECK(second.wait_closed());
  CHECK(fixture.wait_metric("millrace_errors_total{code=\"limit_exceeded\",stage=\"rtmp\"} 1"));

  first.close();
  fixture.record.wait_closed(1);
  CHECK(fixture.wait_metric("millrace_rtmp_connections 0"));
  // Its place is free when the loops are through with what counted it out.
  for (std::size_t i = 0; i < fixture.loops.size(); ++i) {
    std::promise<void> done;
    fixture.loops.loop(i).post([&done] { done.set_value(); });
    done.get_future().wait();
  }
  RtmpSender third(fixture.port());
  CHECK(third.publish("live", "third") == "NetStream.Publish.Start");
}

TEST_CASE("stopping closes every connection on its loop and listens no more", "[rtmp][threads]") {
  RtmpServerFixture fixture;
  RtmpSender staying(fixture.port());
  RtmpSender moved(fixture.port());
  RtmpSender half(fixture.port());
  REQUIRE(staying.publish("live", "key") == "NetStream.Publish.Start");
  REQUIRE(moved.publish("live", "move") == "NetStream.Publish.Start");
  half.client().handshake();
  REQUIRE(half.flush());
  fixture.server->stop();
  CHECK(staying.wait_closed());
  CHECK(moved.wait_closed());
  CHECK(half.wait_closed());
  CHECK(fixture.wait_metric("millrace_rtmp_connections 0"));
  CHECK(fixture.record.wait_closed(3).closed.size() == 3);
  RtmpSender late(fixture.port());
  CHECK_FALSE((late.is_connected() && !late.wait_closed()));
}

TEST_CASE("a server that is destroyed while publishers come and move loses nobody's end",
          "[rtmp][threads]") {
  RtmpServerFixture fixture;
  std::vector<std::unique_ptr<RtmpSender>> senders;
  for (int i = 0; i < 20; ++i) {
    senders.push_back(std::make_unique<RtmpSender>(fixture.port()));
    senders.back()->client().handshake();
    senders.back()->client().connect("live");
    senders.back()->client().publish("move");
    senders.back()->flush();
  }
  CHECK(senders.front()->wait_status() == "NetStream.Publish.Start");
  fixture.server.reset();
  for (auto& sender : senders) CHECK(sender->wait_closed());
  CHECK(fixture.wait_metric("millrace_rtmp_connections 0"));
}
