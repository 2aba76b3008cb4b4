#include "net/http_transport.h"

#include "tests/net/http2_test_client.h"
#include "tests/net/test_certificate.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using millrace::Bytes;
using millrace::MutableBytes;
using millrace::net::HttpExchange;
using millrace::net::HttpServerOptions;
using millrace::test::Http2TestClient;
using millrace::test::HttpTestClient;
using millrace::test::RunningHttpServer;
using millrace::test::TestCertificate;

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBigSize = 3 * 1024 * 1024 + 5;

/// "/big" is long, in pieces of many sizes; everything else is told its path.
struct Fixture {
  explicit Fixture(HttpServerOptions options = {})
      : running([this](auto exchange) { handle(exchange); }, with_tls(std::move(options))) {}

  HttpServerOptions with_tls(HttpServerOptions options) {
    options.listen_tls = {"127.0.0.1:0"};
    options.tls = certificate.tls.get();
    return options;
  }
  void handle(const std::shared_ptr<HttpExchange>& exchange) {
    const auto& path = exchange->request().path;
    std::vector<Bytes> body;
    if (path != "/big") body.push_back(Bytes::copy_of(path));
    for (std::size_t at = 0, size = 1; path == "/big" && at < kBigSize; size = size * 3 + 1) {
      const auto count = std::min(size > 200'000 ? 1 : size, kBigSize - at);
      body.push_back(big.slice(at, count));
      at += count;
      if (size > 200'000) size = 0;
    }
    exchange->respond({.kind = "page", .headers = {}, .body = std::move(body)});
  }

  TestCertificate certificate;
  const Bytes big = [] {
    MutableBytes body(kBigSize);
    for (std::size_t i = 0; i < kBigSize; ++i)
      body.data()[i] = static_cast<std::uint8_t>(i * 7 / 5);
    return Bytes(std::move(body));
  }();
  RunningHttpServer running;
};

}  // namespace

TEST_CASE("the version is what both sides agree upon", "[http][tls]") {
  Fixture f;
  HttpTestClient client(f.running.tls_address());
  SECTION("both") {
    REQUIRE(client.start_tls("\x08http/1.1\x02h2"));
    CHECK(client.protocol() == "h2");
  }
  SECTION("HTTP/1.1 alone") {
    REQUIRE(client.start_tls("\x08http/1.1"));
    CHECK(client.protocol() == "http/1.1");
    CHECK(client.get("/path").body == "/path");
    CHECK(f.running.version_requests("1", "yes") == 1);
  }
  SECTION("a client that names none speaks HTTP/1.1") {
    REQUIRE(client.start_tls());
    CHECK(client.get("/path").body == "/path");
  }
  SECTION("a client that speaks nothing of ours") {
    CHECK_FALSE(client.start_tls("\x06spdy/3"));
    CHECK(f.running.eventually([&] { return f.running.closed("tls") == 1; }));
  }
}

TEST_CASE("HTTP/2 goes over TLS, long bodies in many pieces too", "[http][tls]") {
  Fixture f;
  Http2TestClient client(f.running.tls_address(), {.is_tls = true});
  REQUIRE(client.is_good());
  const auto one = client.ask({.path = "/big"});
  const auto two = client.ask({.path = "/big"});
  CHECK(client.get("/small").body == "/small");
  CHECK(client.wait(one).body == f.big.text());
  CHECK(client.wait(two).body == f.big.text());
  CHECK(f.running.version_requests("2", "yes") == 3);
  CHECK(f.running.connections() == 1);
}

TEST_CASE("HTTP/1.1 goes over TLS, long bodies in many pieces too", "[http][tls]") {
  Fixture f;
  HttpTestClient client(f.running.tls_address(), 4096);
  REQUIRE(client.start_tls());
  client.send("GET /big HTTP/1.1\r\nHost: test\r\n\r\nGET /next HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(client.read().body == f.big.text());
  CHECK(client.read().body == "/next");
  std::string many;
  for (int i = 0; i < 2'000; ++i)
    many += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: test\r\n\r\n";
  client.send(many);
  for (int i = 0; i < 2'000; ++i) REQUIRE(client.read().body == "/" + std::to_string(i));
  client.send("GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  CHECK(client.read().body == "/last");
  CHECK(client.is_closed_without_more());
  client.close();
  CHECK(f.running.eventually([&] { return f.running.closed("finished") == 1; }));
}

TEST_CASE("a client over TLS that takes too little is closed", "[http][tls]") {
  Fixture f({.listen = {}, .write_timeout = 100ms});
  HttpTestClient client(f.running.tls_address(), 4096);
  REQUIRE(client.start_tls());
  for (int i = 0; i < 10; ++i) client.send("GET /big HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(f.running.eventually([&] { return f.running.closed("slow") == 1; }));
}

TEST_CASE("connections over TLS count in the same limits", "[http][tls]") {
  Fixture f({.listen = {}, .max_connections = 1});
  HttpTestClient secure(f.running.tls_address());
  REQUIRE(secure.start_tls());
  REQUIRE(secure.get("/1").status == 200);
  HttpTestClient plain(f.running.address());
  CHECK(plain.is_closed_without_more());
  CHECK(f.running.closed("too_many") == 1);
}

TEST_CASE("what is no TLS ends as a failed handshake", "[http][tls]") {
  Fixture f;
  HttpTestClient client(f.running.tls_address());
  client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  client.receive_some();  // An alert.
  client.close();
  CHECK(f.running.eventually([&] { return f.running.closed("tls") == 1; }));
  CHECK(f.certificate.failures("not_tls") == 1);
}

TEST_CASE("a handshake that does not go on ends in time", "[http][tls]") {
  Fixture f({.listen = {}, .header_timeout = 100ms});
  HttpTestClient silent(f.running.tls_address());
  HttpTestClient half(f.running.tls_address());
  half.send(std::string("\x16\x03\x01\x02\0\x01\0", 7));
  CHECK(silent.is_closed_without_more());
  CHECK(half.is_closed_without_more());
  CHECK(f.running.eventually([&] { return f.running.closed("tls") == 2; }));
  CHECK(f.certificate.failures("timeout") == 2);
}

TEST_CASE("a port that is only looked at is no failure", "[http][tls]") {
  Fixture f;
  HttpTestClient(f.running.tls_address()).close();
  CHECK(f.running.eventually([&] { return f.running.closed("client") == 1; }));
  CHECK(f.certificate.failures("closed") == 0);
}

TEST_CASE("a server that stops ends a connection in its handshake", "[http][tls]") {
  Fixture f;
  HttpTestClient client(f.running.tls_address());
  client.send(std::string("\x16\x03\x01\x02\0\x01\0", 7));
  REQUIRE(f.running.eventually([&] { return f.running.connections() == 1; }));
  f.running.server->stop_accepting();
  CHECK(client.is_closed_without_more());
}
