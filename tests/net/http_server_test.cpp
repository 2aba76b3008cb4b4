#include "net/http_server.h"

#include <set>

#include "tests/base/captured_errors.h"
#include "tests/net/http2_test_client.h"
#include "tests/net/http_test_client.h"
#include "tests/net/proxy_header.h"
#include "tests/net/test_certificate.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using millrace::Bytes;
using millrace::ErrorCode;
using millrace::Metrics;
using millrace::net::HttpExchange;
using millrace::net::HttpResponse;
using millrace::net::HttpServerOptions;
using millrace::test::CapturedErrors;
using millrace::test::Http2TestClient;
using millrace::test::HttpParkingLot;
using millrace::test::HttpTestClient;
using millrace::test::proxied_from;
using millrace::test::proxy_header;
using millrace::test::RunningHttpServer;
using millrace::test::TestCertificate;

using namespace std::chrono_literals;

namespace {

void answer_path(const std::shared_ptr<HttpExchange>& exchange) {
  exchange->respond(
      {.kind = "page", .headers = {}, .body = {Bytes::copy_of(exchange->request().path)}});
}

void answer_client(const std::shared_ptr<HttpExchange>& exchange) {
  exchange->respond({.kind = "page",
                     .headers = {},
                     .body = {Bytes::copy_of(exchange->request().remote_address)}});
}

constexpr const char* kProxy = "127.0.0.1";  // Whom the tests' connections come from.

HttpServerOptions behind_proxy(std::vector<std::string> trusted = {kProxy}) {
  HttpServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.listen_proxy = {"127.0.0.1:0"};
  options.trusted_proxies = std::move(trusted);
  return options;
}

/// Of a connection's first request, without its port: the body of answer_client()'s.
std::string host_of(const millrace::test::HttpReply& reply) {
  return reply.body.substr(0, reply.body.rfind(':'));
}

constexpr const char* kLine = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

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

TEST_CASE("a server that stops accepting ends a connection whose answer was on its way", "[http]") {
  RunningHttpServer running([](auto exchange) {
    exchange->respond({.headers = {}, .body = {Bytes(millrace::MutableBytes(32 * 1024 * 1024))}});
  });
  HttpTestClient reading(running.address(), 4096);
  reading.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto sent = running.metrics.counter("millrace_http_sent_bytes_total", "");
  REQUIRE(running.eventually([&] { return sent.value() > 0; }));
  running.server->stop_accepting();
  running.run([] {});  // Behind it.
  CHECK(reading.read().body.size() == 32 * 1024 * 1024);
  CHECK(reading.is_closed_without_more());
  reading.close();
  CHECK(running.eventually([&] { return running.closed("finished") == 1; }));
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

TEST_CASE("a connection with a PROXY header is the client's that it tells", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy());
  const std::pair<std::string, std::string> clients[] = {
      {kLine, "192.0.2.7:56324"},
      {"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n", "[2001:db8::7]:1"},
      {proxied_from("192.0.2.8", 4711, "\x04 TLVs"), "192.0.2.8:4711"},
      {proxied_from("2001:db8::8", 65535), "[2001:db8::8]:65535"},
  };
  for (const auto& [header, remote] : clients) {
    HttpTestClient client(running.proxy_address());
    client.send(header + "GET /1 HTTP/1.1\r\nHost: test\r\n\r\n");
    CHECK(client.read().body == remote);
    CHECK(client.get("/2").body == remote);
  }
}

TEST_CASE("a PROXY header that tells no client leaves the proxy's address", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy());
  for (const std::string& header :
       {std::string("PROXY UNKNOWN\r\n"), proxy_header(0x20, 0, ""), proxy_header(0x21, 0, "")}) {
    HttpTestClient client(running.proxy_address());
    client.send(header);
    CHECK(host_of(client.get("/")) == kProxy);
  }
}

TEST_CASE("a PROXY header may come byte by byte", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy());
  HttpTestClient client(running.proxy_address());
  for (const char byte : proxied_from("192.0.2.7", 1)) {
    client.send({&byte, 1});
    running.run([] {});
  }
  CHECK(client.get("/").body == "192.0.2.7:1");
}

TEST_CASE("HTTP/2 comes behind a PROXY header too", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy());
  Http2TestClient client(running.proxy_address());
  client.connection.send(kLine);
  CHECK(client.wait(client.ask({})).body == "192.0.2.7:56324");
}

TEST_CASE("TLS comes behind a PROXY header", "[http][proxy][tls]") {
  TestCertificate certificate;
  auto options = behind_proxy();
  options.listen_proxy_tls = {"127.0.0.1:0"};
  options.tls = certificate.tls.get();
  RunningHttpServer running(answer_client, options);
  HttpTestClient client(running.proxy_tls_address());
  client.send(proxied_from("192.0.2.7", 1, std::string(3000, '\x16')));
  REQUIRE(client.start_tls("\x02h2\x08http/1.1"));
  CHECK(client.protocol() == "h2");
  HttpTestClient other(running.proxy_tls_address());
  other.send(kLine);
  REQUIRE(other.start_tls());
  CHECK(other.get("/").body == "192.0.2.7:56324");
  HttpTestClient without(running.proxy_tls_address());
  CHECK_FALSE(without.start_tls());
  CHECK(running.proxy_refused("missing") == 1);
}

TEST_CASE("who is no trusted proxy is closed on a PROXY port", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy({"192.0.2.0/24", "::1"}));
  HttpTestClient client(running.proxy_address());
  client.send(kLine);
  CHECK(client.is_closed_without_more());
  CHECK(running.proxy_refused("untrusted") == 1);
  CHECK(running.eventually([&] { return running.closed("proxy") == 1; }));
  CHECK(running.errors(ErrorCode::kDenied) == 1);
  CHECK(running.eventually([&] { return running.connections() == 0; }));
  HttpTestClient viewer(running.address());  // Others are theirs all the same.
  CHECK(host_of(viewer.get("/")) == kProxy);
}

TEST_CASE("what begins with no good PROXY header is closed and counted", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy());
  std::string log;
  {
    CapturedErrors captured;
    const std::pair<std::string, std::string> bad[] = {
        {"GET / HTTP/1.1\r\nHost: test\r\n\r\n", "missing"},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", "malformed"},
        {"PROXY UNKNOWN " + std::string(200, ' ') + "\r\n", "too_long"},
    };
    for (const auto& [bytes, reason] : bad) {
      HttpTestClient client(running.proxy_address());
      client.send(bytes);
      CHECK(client.is_closed_without_more());
      CHECK(running.proxy_refused(reason) == 1);
    }
    log = captured.text();
  }
  CHECK(running.eventually([&] { return running.closed("proxy") == 3; }));
  CHECK(running.errors(ErrorCode::kInvalidData) == 3);
  CHECK(running.eventually([&] { return running.connections() == 0; }));
  CHECK(log.find("no PROXY header of a trusted proxy reason=missing remote=127.0.0.1:") !=
        std::string::npos);
}

TEST_CASE("a connection that ends inside a PROXY header is counted and an empty one is not",
          "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy());
  HttpTestClient cut(running.proxy_address());
  cut.send("PROXY TCP4 192");
  cut.end_sending();
  CHECK(cut.is_closed_without_more());
  CHECK(running.proxy_refused("cut") == 1);
  HttpTestClient health_check(running.proxy_address());
  health_check.end_sending();
  CHECK(health_check.is_closed_without_more());
  CHECK(running.eventually([&] { return running.closed("client") == 1; }));
  CHECK(running.eventually([&] { return running.closed("proxy") == 1; }));
}

TEST_CASE("a PROXY header has the time of a request's header", "[http][proxy]") {
  auto options = behind_proxy();
  options.header_timeout = 100ms;
  RunningHttpServer running(answer_client, options);
  HttpTestClient silent(running.proxy_address());
  HttpTestClient slow(running.proxy_address());
  slow.send("PROXY TC");
  CHECK(silent.is_closed_without_more());
  CHECK(slow.is_closed_without_more());
  CHECK(running.eventually([&] { return running.proxy_refused("timed_out") == 2; }));
  CHECK(running.errors(ErrorCode::kTimedOut) == 2);
}

TEST_CASE("a PROXY header is read on its own ports alone", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy());
  HttpTestClient client(running.address());
  client.send(std::string(kLine) + "GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(client.read().status == 505);  // A request line whose version is "198.51.100.1 …".
}

TEST_CASE("the cap per address counts the clients that PROXY headers tell", "[http][proxy]") {
  auto options = behind_proxy();
  options.max_connections_per_address = 1;
  RunningHttpServer running(answer_client, options);
  HttpTestClient first(running.proxy_address());
  first.send(kLine);
  REQUIRE(first.get("/").status == 200);
  HttpTestClient second(running.proxy_address());
  second.send(kLine);
  CHECK(second.is_closed_without_more());
  CHECK(running.eventually([&] { return running.closed("too_many") == 1; }));
  CHECK(running.errors(ErrorCode::kLimitExceeded) == 1);
  HttpTestClient other(running.proxy_address());
  other.send(proxied_from("192.0.2.8", 1));
  CHECK(other.get("/").status == 200);
  // An IPv6 client's network is one address, as without a proxy.
  HttpTestClient third(running.proxy_address());
  third.send(proxied_from("2001:db8::1", 1));
  CHECK(third.get("/").status == 200);
  HttpTestClient fourth(running.proxy_address());
  fourth.send(proxied_from("2001:db8::2", 1));
  CHECK(fourth.is_closed_without_more());
  first.close();
  CHECK(running.eventually([&] { return running.connections() == 2; }));
  HttpTestClient fifth(running.proxy_address());
  fifth.send(kLine);
  CHECK(fifth.get("/").status == 200);
}

TEST_CASE("connections without their PROXY header count in all", "[http][proxy]") {
  auto options = behind_proxy();
  options.max_connections = 2;
  options.max_connections_per_address = 1;
  RunningHttpServer running(answer_client, options);
  HttpTestClient first(running.proxy_address());
  HttpTestClient second(running.proxy_address());
  REQUIRE(running.eventually([&] { return running.connections() == 2; }));
  HttpTestClient third(running.proxy_address());
  CHECK(third.is_closed_without_more());
  CHECK(running.eventually([&] { return running.closed("too_many") == 1; }));
  first.close();
  CHECK(running.eventually([&] { return running.connections() == 1; }));
  HttpTestClient fourth(running.proxy_address());
  fourth.send(kLine);
  CHECK(fourth.get("/").status == 200);
}

TEST_CASE("a server stops and goes while PROXY headers are awaited", "[http][proxy]") {
  std::unique_ptr<HttpTestClient> waiting, stopped;
  {
    RunningHttpServer running(answer_client, behind_proxy());
    stopped = std::make_unique<HttpTestClient>(running.proxy_address());
    stopped->send("PROXY");
    REQUIRE(running.eventually([&] { return running.connections() == 1; }));
    running.server->stop_accepting();
    CHECK(stopped->is_closed_without_more());
  }
  {
    RunningHttpServer running(answer_client, behind_proxy());
    waiting = std::make_unique<HttpTestClient>(running.proxy_address());
    waiting->send("PROXY");
    REQUIRE(running.eventually([&] { return running.connections() == 1; }));
  }
  CHECK(waiting->is_closed_without_more());
}

TEST_CASE("X-Forwarded-For of a trusted proxy tells each request's client", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy({kProxy, "10.0.0.0/8"}));
  HttpTestClient client(running.address());
  const auto ask = [&](const std::string& field) {
    client.send("GET / HTTP/1.1\r\nHost: test\r\n" + field + "\r\n");
    return client.read();
  };
  CHECK(ask("X-Forwarded-For: 192.0.2.7\r\n").body == "192.0.2.7");
  CHECK(ask("x-forwarded-for: 203.0.113.9, 192.0.2.8, 10.0.0.1\r\n").body == "192.0.2.8");
  CHECK(ask("X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-For: 10.0.0.1\r\n").body ==
        "[2001:db8::7]");
  CHECK(host_of(ask("")) == kProxy);
  CHECK(host_of(ask("X-Forwarded-For: unknown\r\n")) == kProxy);
  // The others are not read: a proxy that appends to one of them hands a viewer's own others on.
  CHECK(host_of(ask("Forwarded: for=192.0.2.7\r\nX-Real-IP: 192.0.2.7\r\n")) == kProxy);

  Http2TestClient second(running.address());
  const auto id = second.ask({.headers = {{"x-forwarded-for", "192.0.2.7, 10.0.0.1"}}});
  CHECK(second.wait(id).body == "192.0.2.7");
  const auto plain = second.wait(second.ask({})).body;
  CHECK(plain.starts_with("127.0.0.1:"));
}

TEST_CASE("X-Forwarded-For of somebody else means nothing", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy({"192.0.2.0/24"}));
  HttpTestClient client(running.address());
  client.send("GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
  CHECK(host_of(client.read()) == kProxy);
  Http2TestClient second(running.address());
  const auto id = second.ask({.headers = {{"x-forwarded-for", "203.0.113.9"}}});
  CHECK(second.wait(id).body.starts_with("127.0.0.1:"));
}

TEST_CASE("behind a PROXY header it is whom that tells who has to be trusted", "[http][proxy]") {
  RunningHttpServer running(answer_client, behind_proxy({kProxy, "192.0.2.7"}));
  const std::string request =
      "GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n";
  HttpTestClient cache(running.proxy_address());
  cache.send(kLine + request);
  CHECK(cache.read().body == "203.0.113.9");
  HttpTestClient viewer(running.proxy_address());
  viewer.send(proxied_from("192.0.2.8", 5) + request);
  CHECK(viewer.read().body == "192.0.2.8:5");
  HttpTestClient own(running.proxy_address());  // The proxy's own, whom it is trusted to tell.
  own.send(proxy_header(0x20, 0, "") + request);
  CHECK(own.read().body == "203.0.113.9");
}

TEST_CASE("a refused request of HTTP/2 is logged with the client that the proxy tells",
          "[http][proxy]") {
  auto options = behind_proxy();
  options.max_body_bytes = 10;
  RunningHttpServer running(answer_client, options);
  std::string log;
  {
    CapturedErrors captured;
    Http2TestClient client(running.address());
    const auto id = client.ask({.method = "POST",
                                .headers = {{"x-forwarded-for", "192.0.2.7"}},
                                .body = std::string(11, 'x')});
    CHECK(client.wait(id).status == 413);
    log = captured.text();
  }
  CHECK(log.find("request refused status=413 remote=192.0.2.7 ") != std::string::npos);
}

TEST_CASE("a mistake in the trusted proxies is an error that names the key", "[http][proxy]") {
  millrace::net::EventLoopGroup loops(1);
  Metrics metrics;
  const auto server =
      millrace::net::create_http_server(behind_proxy({"10.0.0.0/33"}), loops, metrics, answer_path);
  REQUIRE_FALSE(server.has_value());
  CHECK(server.error().message ==
        "http.trusted_proxies: 10.0.0.0/33 has no prefix length of 0 to 32 behind its /");
}

TEST_CASE("a PROXY port that is taken is an error that names the key", "[http][proxy]") {
  RunningHttpServer running(answer_path);
  HttpServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.listen_proxy = {running.address()};
  const auto second =
      millrace::net::create_http_server(options, running.loops, running.metrics, answer_path);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message.starts_with("http.listen_proxy: cannot listen on "));
}
