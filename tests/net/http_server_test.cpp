#include "net/http_server.h"

#include <catch2/catch.hpp>

#include <set>

#include "tests/net/http_test_client.h"

using millrace::Bytes;
using millrace::ErrorCode;
using millrace::Metrics;
using millrace::net::HttpExchange;
using millrace::net::HttpResponse;
using millrace::net::HttpServerOptions;
using millrace::test::HttpParkingLot;
using millrace::test::HttpTestClient;
using millrace::test::RunningHttpServer;

using namespace std::chrono_literals;

namespace {

void answer_path(const std::shared_ptr<HttpExchange>& exchange) {
  exchange->respond(
      {.kind = "page", .headers = {}, .body = {Bytes::copy_of(exchange->request().path)}});
}

}  // namespace

TEST_CASE("port 0 finds a free port, the same for every loop and told", "[http]") {
  RunningHttpServer running(answer_path, {.listen = {"127.0.0.1:0", "[::1]:0"}}, 3);
  const auto addresses = running.server->addresses();
  REQUIRE(addresses.size() == 2);
  CHECK_FALSE(addresses[0].ends_with(":0"));
  CHECK(addresses[1].starts_with("[::1]:"));
  for (int i = 0; i < 12; ++i) {
    HttpTestClient client(addresses[0]);
    CHECK(client.get("/" + std::to_string(i)).body == "/" + std::to_string(i));
  }
  HttpTestClient client(addresses[1]);
  CHECK(client.get("/six").body == "/six");
}

TEST_CASE("a port that is taken is an error that names the key", "[http]") {
  RunningHttpServer running(answer_path);
  const auto second = millrace::net::create_http_server(
      {.listen = {running.address()}, .config_key = "http.listen"}, running.loops, running.metrics,
      answer_path);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message.starts_with("http.listen: cannot listen on " + running.address()));
}

TEST_CASE("what is no address is refused", "[http]") {
  millrace::net::EventLoopGroup loops(1);
  Metrics metrics;
  for (const std::string text : {"", "8080", "localhost:80", "127.0.0.1", "127.0.0.1:", "::1:80",
                                 "127.0.0.1:70000", "127.0.0.1:80x", "[127.0.0.1]:80"}) {
    CAPTURE(text);
    const auto server =
        millrace::net::create_http_server({.listen = {text}}, loops, metrics, answer_path);
    REQUIRE_FALSE(server.has_value());
    CHECK(server.error().code == ErrorCode::kInvalidData);
  }
}

TEST_CASE("connections past the cap per address are closed at once", "[http]") {
  RunningHttpServer running(answer_path, {.listen = {}, .max_connections_per_address = 2});
  HttpTestClient first(running.address());
  HttpTestClient second(running.address());
  REQUIRE(first.get("/1").status == 200);
  REQUIRE(second.get("/2").status == 200);
  HttpTestClient third(running.address());
  CHECK(third.is_closed_without_more());
  CHECK(running.closed("too_many") == 1);
  first.close();
  CHECK(running.eventually([&] { return running.connections() == 1; }));
  HttpTestClient fourth(running.address());
  CHECK(fourth.get("/4").status == 200);
}

TEST_CASE("connections past the cap in all are closed at once", "[http]") {
  RunningHttpServer running(answer_path, {.listen = {}, .max_connections = 1});
  HttpTestClient first(running.address());
  REQUIRE(first.get("/1").status == 200);
  HttpTestClient second(running.address());
  CHECK(second.is_closed_without_more());
  CHECK(running.errors(ErrorCode::kLimitExceeded) == 1);
}

TEST_CASE("a server that stops accepting ends open connections with their answer", "[http]") {
  HttpParkingLot parked;
  RunningHttpServer running([&](auto exchange) {
    if (exchange->request().path == "/held")
      parked.park(std::move(exchange));
    else
      answer_path(exchange);
  });
  HttpTestClient idle(running.address());
  REQUIRE(idle.get("/").status == 200);
  HttpTestClient holding(running.address());
  holding.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
  auto exchange = parked.take();
  REQUIRE(exchange);

  running.server->stop_accepting();
  CHECK(idle.is_closed_without_more());
  running.run([&] { exchange->respond({.status = 200, .headers = {}, .body = {}}); });
  const auto reply = holding.read();
  CHECK(reply.status == 200);
  CHECK(reply.header("Connection") == "close");
  CHECK(holding.is_closed_without_more());
  HttpTestClient late(running.address());
  CHECK_FALSE(late.is_connected());
}

TEST_CASE("a server goes while answers are held and being sent", "[http]") {
  HttpParkingLot parked;
  bool has_aborted = false;
  std::unique_ptr<HttpTestClient> reader, waiter;  // They outlive the server: neither goes first.
  {
    RunningHttpServer running([&](auto exchange) {
      if (exchange->request().path == "/big") {
        exchange->respond(
            {.headers = {}, .body = {Bytes(millrace::MutableBytes(32 * 1024 * 1024))}});
        return;
      }
      exchange->on_abort([&] { has_aborted = true; });
      parked.park(std::move(exchange));
    });
    reader = std::make_unique<HttpTestClient>(running.address(), 4096);
    reader->send("GET /big HTTP/1.1\r\nHost: test\r\n\r\n");
    waiter = std::make_unique<HttpTestClient>(running.address());
    waiter->send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
    const auto held = parked.take();
    REQUIRE(held);
    parked.park(held);
  }
  const auto exchange = parked.take();
  exchange->respond({.headers = {}, .body = {}});  // Moot, and harmless.
  CHECK_FALSE(has_aborted);
}

TEST_CASE("every loop accepts", "[http]") {
  std::mutex mutex;
  std::set<millrace::net::EventLoop*> seen;
  RunningHttpServer running(
      [&](auto exchange) {
        {
          const std::scoped_lock lock(mutex);
          seen.insert(&exchange->loop());
        }
        exchange->respond({.headers = {}, .body = {}});
      },
      {}, 2);
  // The kernel spreads them by the client's port: 64 on one of two loops is one in 10^19.
  for (int i = 0; i < 64; ++i) {
    HttpTestClient client(running.address());
    REQUIRE(client.get("/").status == 200);
  }
  const std::scoped_lock lock(mutex);
  CHECK(seen.size() == 2);
}
