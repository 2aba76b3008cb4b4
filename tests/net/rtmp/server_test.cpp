#include "net/rtmp/server.h"

#include <catch2/catch.hpp>

#include "tests/support/rtmp_sender.h"
#include "tests/support/rtmp_server_fixture.h"

using millrace::ErrorCode;
using millrace::net::rtmp::ServerOptions;
using millrace::test::RtmpSender;
using millrace::test::RtmpServerFixture;

namespace {

std::optional<millrace::Error> listen_error(std::vector<std::string> listen) {
  millrace::net::EventLoopGroup loops(2);
  millrace::Metrics metrics;
  millrace::SystemClock clock;
  ServerOptions options;
  options.listen = std::move(listen);
  const auto server = millrace::net::rtmp::create_server(options, loops, metrics, clock, [](auto&) {
    return std::unique_ptr<millrace::net::rtmp::ConnectionEvents>();
  });
  if (server.has_value()) return std::nullopt;
  return server.error();
}

}  // namespace

TEST_CASE("an RTMP server listens on IPv4 and IPv6 and tells its ports", "[rtmp]") {
  ServerOptions options;
  options.listen = {"127.0.0.1:0", "[::1]:0"};
  RtmpServerFixture fixture(options);
  REQUIRE(fixture.server);
  const auto addresses = fixture.server->addresses();
  REQUIRE(addresses.size() == 2);
  CHECK(addresses[0].substr(0, 10) == "127.0.0.1:");
  CHECK(addresses[1].substr(0, 6) == "[::1]:");
  RtmpSender v4(millrace::test::port_of(addresses[0]));
  RtmpSender v6(millrace::test::port_of(addresses[1]), AF_INET6);
  CHECK(v4.publish("live", "four") == "NetStream.Publish.Start");
  CHECK(v6.publish("live", "six") == "NetStream.Publish.Start");
}

TEST_CASE("connections spread over the loops all work", "[rtmp][threads]") {
  RtmpServerFixture fixture;
  for (int i = 0; i < 16; ++i) {
    RtmpSender sender(fixture.port());
    CHECK(sender.publish("live", "key") == "NetStream.Publish.Start");
  }
}

TEST_CASE("an RTMP port that is taken is an error that names its key", "[rtmp]") {
  RtmpServerFixture fixture;
  const auto error = listen_error({"127.0.0.1:" + std::to_string(fixture.port())});
  REQUIRE(error);
  CHECK(error->code == ErrorCode::kSystem);
  CHECK(error->message.find("rtmp.listen") != std::string::npos);
  CHECK(error->message.find("in use") != std::string::npos);
}

TEST_CASE("an RTMP address that cannot be is an error", "[rtmp]") {
  const std::string address = GENERATE("", "1935", ":1935", "127.0.0.1:", "127.0.0.1:99999",
                                       "127.0.0.1:19x", "localhost:1935", "::1:1935x");
  const auto error = listen_error({address});
  REQUIRE(error);
  CHECK(error->code == ErrorCode::kInvalidData);
}
