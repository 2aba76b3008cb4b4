#include "net/http_loop.h"

#include <catch2/catch.hpp>

#include "tests/base/captured_errors.h"
#include "tests/net/http_test_client.h"

using millrace::ErrorCode;
using millrace::Metrics;
using millrace::net::EventLoop;
using millrace::net::HttpCloseReason;
using millrace::net::HttpLoop;
using millrace::net::HttpServerContext;
using millrace::net::HttpServerOptions;
using millrace::net::to_text;
using millrace::test::CapturedErrors;
using millrace::test::HttpParkingLot;
using millrace::test::HttpTestClient;

using namespace std::chrono_literals;

namespace {

using Endpoint = boost::asio::ip::tcp::endpoint;

Endpoint any_port() {
  return {boost::asio::ip::address_v4::loopback(), 0};
}

/// A loop that runs on the test's thread, when it is polled.
struct Fixture {
  explicit Fixture(HttpServerOptions options = {})
      : context(std::make_shared<HttpServerContext>(
            std::move(options), metrics,
            [this](auto exchange) { parked.park(std::move(exchange)); })),
        http(std::make_shared<HttpLoop>(loop, context)) {}

  /// The address of a socket listened on.
  std::string listen() {
    auto endpoint = http->listen(any_port());
    REQUIRE(endpoint.has_value());
    return to_text(endpoint.value());
  }
  /// Polls until `condition`; false past the deadline.
  bool poll_until(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + millrace::test::kDeadline;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      loop.poll();
    }
    return true;
  }
  double connections() { return context->connections.value(); }
  double closed(HttpCloseReason reason) {
    return context->closed[static_cast<std::size_t>(reason)].value();
  }

  Metrics metrics;
  HttpParkingLot parked;
  EventLoop loop;
  std::shared_ptr<HttpServerContext> context;
  std::shared_ptr<HttpLoop> http;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("an endpoint is told as it is written in a URL", "[http]") {
  const auto address = [](const char* text) { return boost::asio::ip::make_address(text); };
  CHECK(to_text(Endpoint(address("192.0.2.7"), 51423)) == "192.0.2.7:51423");
  CHECK(to_text(Endpoint(address("2001:db8::1"), 8080)) == "[2001:db8::1]:8080");
}

TEST_CASE("a loop tells the port it listens on, and two may share it", "[http]") {
  Fixture f;
  const auto first = f.http->listen(any_port());
  REQUIRE(first.has_value());
  CHECK(first.value().port() != 0);
  EventLoop other_loop;
  const auto other = std::make_shared<HttpLoop>(other_loop, f.context);
  const auto second = other->listen(first.value());
  REQUIRE(second.has_value());
  CHECK(second.value() == first.value());
}

TEST_CASE("an address that is not this machine's is an error that names key and address",
          "[http]") {
  Fixture f({.listen = {}, .config_key = "test.listen"});
  // RFC 5737: an address for documentation, never assigned.
  const auto endpoint = f.http->listen({boost::asio::ip::make_address("192.0.2.7"), 8080});
  REQUIRE_FALSE(endpoint.has_value());
  CHECK(endpoint.error().code == ErrorCode::kSystem);
  CHECK(endpoint.error().message.starts_with("test.listen: cannot listen on 192.0.2.7:8080: "));
}

TEST_CASE("a listening loop accepts nobody before it is started", "[http]") {
  Fixture f;
  HttpTestClient client(f.listen());
  REQUIRE(client.is_connected());  // By the kernel.
  f.loop.poll();
  CHECK(f.connections() == 0);
  f.http->start();
  CHECK(f.poll_until([&] { return f.connections() == 1; }));
}

TEST_CASE("a loop that stops accepts no more and ends what is idle", "[http]") {
  Fixture f;
  const auto address = f.listen();
  f.http->start();
  HttpTestClient idle(address);
  HttpTestClient waiting(address);
  waiting.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  REQUIRE(f.poll_until([&] { return f.connections() == 2 && f.parked.size() == 1; }));
  CHECK_FALSE(f.http->is_stopping());
  f.http->stop_accepting();
  CHECK(f.http->is_stopping());
  CHECK(idle.is_closed_without_more());
  idle.close();
  CHECK(f.poll_until([&] { return f.closed(HttpCloseReason::kFinished) == 1; }));
  CHECK(f.connections() == 1);  // The other still has its answer to come.
  HttpTestClient late(address);
  CHECK_FALSE(late.is_connected());
  f.http->start();  // Too late, and no harm.
  f.loop.poll();
  CHECK(f.connections() == 1);
}

TEST_CASE("a loop that is destroyed counts its connections out and tells no handler", "[http]") {
  Fixture f;
  const auto address = f.listen();
  f.http->start();
  HttpTestClient client(address);
  client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  REQUIRE(f.poll_until([&] { return f.parked.size() == 1; }));
  const auto exchange = f.parked.take();
  bool has_aborted = false;
  exchange->on_abort([&] { has_aborted = true; });
  f.http->destroy();
  CHECK(f.connections() == 0);
  f.http.reset();
  f.loop.poll();
  CHECK_FALSE(has_aborted);
  CHECK(client.is_closed_without_more());
}

TEST_CASE("a date is that of the second, and its text stays where it is meanwhile", "[http]") {
  Fixture f;
  const std::string& date = f.http->date();
  CHECK(date.size() == 29);
  CHECK(date.ends_with(" GMT"));
  CHECK(&f.http->date() == &date);
}

TEST_CASE("requests are counted by kind and status", "[http]") {
  Fixture f;
  const auto counted = [&](const char* kind, const char* status) {
    return f.metrics
        .counter("millrace_http_requests_total", "", {{"kind", kind}, {"status", status}})
        .value();
  };
  f.http->count_request("part", 200);
  f.http->count_request("part", 200);
  f.http->count_request("part", 404);
  f.http->count_request("playlist", 200);
  f.http->count_sent(700);
  f.http->count_sent(50);
  CHECK(counted("part", "200") == 2);
  CHECK(counted("part", "404") == 1);
  CHECK(counted("playlist", "200") == 1);
  CHECK(f.context->sent_bytes.value() == 750);
}

TEST_CASE("clients' faults are logged once a second for each reason", "[http]") {
  Fixture f;
  std::string log;
  {
    CapturedErrors captured;
    for (int i = 0; i < 1000; ++i) f.http->report(HttpCloseReason::kSlow, "192.0.2.7:1", "slow");
    f.http->report(HttpCloseReason::kRefused, "192.0.2.8:2", "refused");
    log = captured.text();
  }
  // The thousand may take until the next second begins.
  CHECK(count(log, "http: slow remote=192.0.2.7:1 not_logged=") >= 1);
  CHECK(count(log, "http: slow remote=192.0.2.7:1 not_logged=") <= 2);
  CHECK(count(log, "http: refused remote=192.0.2.8:2 not_logged=0\n") == 1);
}
