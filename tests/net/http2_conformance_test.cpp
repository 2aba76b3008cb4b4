// What nghttp2 lets pass and RFC 9113 does not; tests/e2e/test_http2_conformance.py has the rest.
#include "net/http2_session.h"

#include <catch2/catch.hpp>

#include "tests/net/http2_test_client.h"

using millrace::test::http2_frame;
using millrace::test::http2_get;
using millrace::test::Http2TestClient;
using millrace::test::RunningHttpServer;

TEST_CASE("what nghttp2 lets pass ends the connection with a reason", "[http2]") {
  RunningHttpServer running(
      [](auto exchange) { exchange->respond({.kind = "page", .headers = {}, .body = {}}); });
  Http2TestClient client(running.address());
  client.flush();
  SECTION("a stream number below the first one") {
    client.connection.send(http2_get(5) + http2_get(3));
  }
  SECTION("a stream number that was passed over") {
    client.connection.send(http2_get(1) + http2_get(7) + http2_get(9) + http2_get(5));
  }
  SECTION("PRIORITY of no stream") {
    client.connection.send(http2_frame(NGHTTP2_PRIORITY, 0, 0, std::string(5, '\0')));
  }
  client.read_to_end();
  CHECK(client.goaway == NGHTTP2_PROTOCOL_ERROR);
  client.connection.close();
  CHECK(running.eventually([&] { return running.closed("refused") == 1; }));
}
