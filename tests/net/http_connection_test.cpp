#include "net/http_connection.h"

#include <catch2/catch.hpp>

#include "tests/net/http_test_client.h"

using millrace::Bytes;
using millrace::MutableBytes;
using millrace::test::HttpTestClient;
using millrace::test::RunningHttpServer;

using namespace std::chrono_literals;

namespace {

Bytes pattern(std::size_t size, unsigned seed) {
  MutableBytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes.data()[i] = static_cast<std::uint8_t>((i * 31 + seed) >> 3);
  return Bytes(std::move(bytes));
}

}  // namespace

TEST_CASE("a body of many pieces arrives whole, however it is cut", "[http]") {
  std::vector<Bytes> pieces;
  std::string whole;
  for (unsigned i = 0; i < 300; ++i) {
    pieces.push_back(pattern(i % 7 == 0 ? 0 : i * 97, i));  // Empty ones too.
    whole += pieces.back().text();
  }
  RunningHttpServer running(
      [&](auto exchange) { exchange->respond({.headers = {}, .body = pieces}); });
  HttpTestClient client(running.address(), 8192);  // So that the server's writes are partial.
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.get("/");
    CHECK(reply.status == 200);
    CHECK(reply.body == whole);
  }
  CHECK(running.metrics.counter("millrace_http_sent_bytes_total", "").value() >
        3.0 * static_cast<double>(whole.size()));
}

TEST_CASE("a piece of a body is let go of once it has left", "[http]") {
  auto first = std::make_shared<std::vector<std::uint8_t>>(100);
  auto rest = std::make_shared<std::vector<std::uint8_t>>(32 << 20);
  const std::weak_ptr first_kept(first), rest_kept(rest);
  RunningHttpServer running([&](auto exchange) {
    std::vector<Bytes> body{Bytes::kept_by(first, *first), Bytes::kept_by(rest, *rest)};
    first.reset();
    rest.reset();
    exchange->respond({.headers = {}, .body = std::move(body)});
  });
  HttpTestClient client(running.address(), 4096);
  client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto sent = running.metrics.counter("millrace_http_sent_bytes_total", "");
  REQUIRE(running.eventually([&] { return sent.value() > 1000; }));
  running.run([] {});
  CHECK(first_kept.expired());
  CHECK_FALSE(rest_kept.expired());
  CHECK(client.read().body.size() == 100 + (32 << 20));
  CHECK(running.eventually([&] { return rest_kept.expired(); }));
}

TEST_CASE("a viewer that never reads is closed as slow, and others are served", "[http]") {
  RunningHttpServer running(
      [](auto exchange) {
        exchange->respond(
            {.headers = {},
             .body = {exchange->request().path == "/big" ? pattern(64 << 20, 1) : pattern(10, 1)}});
      },
      {.listen = {}, .write_timeout = 40ms});
  HttpTestClient stuck(running.address(), 4096);
  stuck.send("GET /big HTTP/1.1\r\nHost: test\r\n\r\n");
  HttpTestClient other(running.address());
  CHECK(other.get("/").status == 200);
  CHECK(running.eventually([&] { return running.closed("slow") == 1; }));
  CHECK(other.get("/").status == 200);
  CHECK(stuck.read().status == 0);  // Cut off.
}

TEST_CASE("a slow viewer that makes progress gets all of it", "[http]") {
  const auto big = pattern(24 << 20, 7);
  RunningHttpServer running(
      [&](auto exchange) { exchange->respond({.headers = {}, .body = {big}}); },
      {.listen = {}, .write_timeout = 300ms});
  HttpTestClient client(running.address(), 4096);  // Thousands of window updates.
  const auto reply = client.get("/");
  CHECK(reply.status == 200);
  CHECK(reply.body == big.text());
  CHECK(running.closed("slow") == 0);
}

TEST_CASE("a client that sends its request and ends its side is answered", "[http]") {
  RunningHttpServer running(
      [](auto exchange) { exchange->respond({.headers = {}, .body = {pattern(8 << 20, 3)}}); });
  HttpTestClient client(running.address());
  client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  client.end_sending();
  CHECK(client.read().body.size() == 8 << 20);
  CHECK(client.is_closed_without_more());
}

TEST_CASE("a client that resets in the middle of an answer costs its connection only", "[http]") {
  RunningHttpServer running(
      [](auto exchange) { exchange->respond({.headers = {}, .body = {pattern(16 << 20, 3)}}); });
  {
    HttpTestClient client(running.address(), 4096);
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    const auto sent = running.metrics.counter("millrace_http_sent_bytes_total", "");
    REQUIRE(running.eventually([&] { return sent.value() > 0; }));
    client.reset();
  }
  CHECK(running.eventually([&] { return running.connections() == 0; }));
  CHECK(running.closed("aborted") == 1);
}
