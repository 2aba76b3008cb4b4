#include "net/http_session.h"

#include <catch2/catch.hpp>

#include "tests/net/http_test_client.h"

using millrace::Bytes;
using millrace::ErrorCode;
using millrace::net::HttpExchange;
using millrace::net::HttpMethod;
using millrace::net::HttpResponse;
using millrace::test::HttpParkingLot;
using millrace::test::HttpTestClient;
using millrace::test::RunningHttpServer;

using namespace std::chrono_literals;

namespace {

// Path and query, as two pieces.
void echo(const std::shared_ptr<HttpExchange>& exchange) {
  const auto& request = exchange->request();
  exchange->respond({.status = 200,
                     .kind = "page",
                     .headers = {{"Content-Type", "text/plain"}},
                     .body = {Bytes::copy_of(request.path), Bytes::copy_of(request.query)}});
}

}  // namespace

TEST_CASE("an answer is framed, dated and complete", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  const auto reply = client.get("/live/a%20b/index.m3u8?_HLS_msn=7&x");
  CHECK(reply.status == 200);
  CHECK(reply.body == "/live/a%20b/index.m3u8_HLS_msn=7&x");
  CHECK(reply.header("Content-Type") == "text/plain");
  CHECK(reply.header("Date").ends_with(" GMT"));
  CHECK(reply.header("Connection").empty());
  CHECK(running.requests("page", 200) == 1);
}

TEST_CASE("a handler sees method, headers in lower case and the client's address", "[http]") {
  std::string seen;
  RunningHttpServer running([&](auto exchange) {
    const auto& request = exchange->request();
    seen = std::string(request.header("accept-encoding")) + "|" +
           std::string(request.header("nothing")) + "|" +
           (request.method == HttpMethod::kPost ? "post" : "other") + "|" +
           request.remote_address.substr(0, request.remote_address.find(':'));
    echo(exchange);
  });
  HttpTestClient client(running.address());
  client.send(
      "POST / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(client.read().status == 200);
  CHECK(seen == "gzip||post|127.0.0.1");
}

TEST_CASE("hundreds of requests go over one connection", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  for (int i = 0; i < 500; ++i)
    REQUIRE(client.get("/" + std::to_string(i)).body == "/" + std::to_string(i));
  CHECK(running.connections() == 1);
}

TEST_CASE("pipelined requests are answered in order", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  std::string requests;
  for (int i = 0; i < 200; ++i)
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: test\r\n\r\n";
  client.send(requests);
  for (int i = 0; i < 200; ++i) REQUIRE(client.read().body == "/" + std::to_string(i));
}

TEST_CASE("a request behind a held one waits for its turn", "[http]") {
  HttpParkingLot parked;
  RunningHttpServer running([&](auto exchange) {
    if (exchange->request().path == "/held")
      parked.park(std::move(exchange));
    else
      echo(exchange);
  });
  HttpTestClient client(running.address());
  client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\nGET /next HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto exchange = parked.take();
  REQUIRE(exchange);
  running.run([&] { exchange->respond({.headers = {}, .body = {Bytes::copy_of("late")}}); });
  CHECK(client.read().body == "late");
  CHECK(client.read().body == "/next");
}

TEST_CASE("the next request never reaches the handler inside respond()", "[http]") {
  HttpParkingLot parked;
  bool is_responding = false;
  bool was_nested = false;
  RunningHttpServer running([&](auto exchange) {
    was_nested |= is_responding;
    parked.park(std::move(exchange));
  });
  HttpTestClient client(running.address());
  client.send("GET /1 HTTP/1.1\r\nHost: test\r\n\r\nGET /2 HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto first = parked.take();
  REQUIRE(first);
  running.run([&] {
    is_responding = true;
    first->respond({.headers = {}, .body = {}});
    is_responding = false;
  });
  const auto second = parked.take();
  REQUIRE(second);
  CHECK_FALSE(was_nested);
  running.run([&] { second->respond({.headers = {}, .body = {}}); });
}

TEST_CASE("no more than a small bound is read ahead of a held answer", "[http]") {
  HttpParkingLot parked;
  RunningHttpServer running([&](auto exchange) { parked.park(std::move(exchange)); });
  HttpTestClient client(running.address(), 4096);
  const std::string request = "GET /held HTTP/1.1\r\nHost: test\r\n\r\n";
  client.send(request);
  auto exchange = parked.take();
  REQUIRE(exchange);
  // More than the sockets' buffers and the bound together: the client cannot send all of it until
  // answers are given, and all of it arrives in the end.
  std::string flood;
  constexpr int kRequests = 20'000;
  for (int i = 0; i < kRequests; ++i) flood += request;
  auto sending = std::async(std::launch::async, [&] { return client.send(flood); });
  auto reading = std::async(std::launch::async, [&] {
    int answers = 0;
    while (answers < kRequests + 1 && client.read().status == 200) ++answers;
    return answers;
  });
  CHECK(parked.size() == 0);
  for (int i = 0; i < kRequests + 1 && exchange; ++i) {
    running.run([&] { exchange->respond({.headers = {}, .body = {}}); });
    if (i < kRequests) exchange = parked.take();
  }
  CHECK(sending.get());
  CHECK(reading.get() == kRequests + 1);
}

TEST_CASE("HEAD has GET's headers and no body, and the connection stays in step", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  client.send("HEAD /a HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto reply = client.read(HttpTestClient::Content::kNone);
  CHECK(reply.status == 200);
  CHECK(reply.header("Content-Length") == "2");
  CHECK(client.get("/bcd").body == "/bcd");
}

TEST_CASE("204 and 304 have neither body nor length", "[http]") {
  const int status = GENERATE(204, 304);
  RunningHttpServer running([&](auto exchange) {
    if (exchange->request().path == "/none")
      exchange->respond({.status = status, .headers = {}, .body = {Bytes::copy_of("left out")}});
    else
      echo(exchange);
  });
  HttpTestClient client(running.address());
  client.send("GET /none HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto reply = client.read(HttpTestClient::Content::kNone);
  CHECK(reply.status == status);
  CHECK(reply.header("Content-Length").empty());
  CHECK(client.get("/next").body == "/next");
}

TEST_CASE("a request that asks for the end gets it after its answer", "[http]") {
  RunningHttpServer running(echo);
  const std::string request = GENERATE("GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
                                       "GET /x HTTP/1.0\r\n\r\n");
  HttpTestClient client(running.address());
  client.send(request);
  const auto reply = client.read();
  CHECK(reply.body == "/x");
  CHECK(reply.header("Connection") == "close");
  CHECK(client.is_closed_without_more());
  client.close();
  CHECK(running.eventually([&] { return running.closed("finished") == 1; }));
}

TEST_CASE("an HTTP/1.0 client that asks to keep the connection may", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  for (int i = 0; i < 3; ++i) {
    client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto reply = client.read();
    CHECK(reply.body == "/x");
    CHECK(reply.header("Connection") == "keep-alive");
  }
}

TEST_CASE("what is no request gets its status, and the connection ends", "[http]") {
  struct Case {
    std::string request;
    int status;
    ErrorCode code;
  };
  const auto [request, status, code] = GENERATE(values<Case>({
      {"\x16\x03\x01\x02\x01\x01\x00garbage\r\n\r\n", 400, ErrorCode::kInvalidData},
      {"GET / HTTP/1.1\r\n\r\n", 400, ErrorCode::kInvalidData},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, ErrorCode::kInvalidData},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, ErrorCode::kUnsupported},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413,
       ErrorCode::kLimitExceeded},
      {"GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n", 431, ErrorCode::kLimitExceeded},
  }));
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  client.send(request);
  const auto reply = client.read();
  CHECK(reply.status == status);
  CHECK(reply.header("Connection") == "close");
  CHECK(client.is_closed_without_more());
  CHECK(running.errors(code) == 1);
  CHECK(running.requests("error", status) == 1);
  client.close();
  CHECK(running.eventually([&] { return running.closed("refused") == 1; }));
}

TEST_CASE("a client that goes on sending after its refusal still reads it", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n" +
              std::string(600'000, 'x'));
  CHECK(client.read().status == 413);
  CHECK(client.is_closed_without_more());
}

TEST_CASE("a client's bodies are dropped and the next request found", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  client.send("POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n" +
              std::string(60'000, 'x') + "GET /b HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(client.read().body == "/a");
  CHECK(client.read().body == "/b");
}

TEST_CASE("a client that waits for it is told to send its body", "[http]") {
  RunningHttpServer running(echo);
  HttpTestClient client(running.address());
  client.send("POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.read().status == 100);
  client.send("abc");
  CHECK(client.read().body == "/a");
}

TEST_CASE("half a request is refused with 408 after the header timeout", "[http]") {
  RunningHttpServer running(echo, {.listen = {}, .header_timeout = 40ms});
  HttpTestClient client(running.address());
  client.send("GET / HTTP/1.1\r\nHost: te");
  CHECK(client.read().status == 408);
  CHECK(client.is_closed_without_more());
  CHECK(running.errors(ErrorCode::kTimedOut) == 1);
  client.close();
  CHECK(running.eventually([&] { return running.closed("header_timeout") == 1; }));
}

TEST_CASE("a body that does not come is a header timeout too", "[http]") {
  RunningHttpServer running(echo, {.listen = {}, .header_timeout = 40ms});
  HttpTestClient client(running.address());
  client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(client.read().status == 408);
}

TEST_CASE("a kept connection without requests ends after the idle timeout", "[http]") {
  RunningHttpServer running(echo, {.listen = {}, .idle_timeout = 40ms});
  HttpTestClient client(running.address());
  CHECK(client.get("/").status == 200);
  CHECK(client.is_closed_without_more());
  CHECK(running.eventually([&] { return running.closed("idle") == 1; }));
}

TEST_CASE("no timeout ends a connection whose answer is held", "[http]") {
  HttpParkingLot parked;
  RunningHttpServer running([&](auto exchange) { parked.park(std::move(exchange)); },
                            {.listen = {}, .header_timeout = 20ms, .idle_timeout = 20ms});
  HttpTestClient held(running.address());
  held.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto exchange = parked.take();
  REQUIRE(exchange);
  // Five connections in a row that do run into their timeouts: many times 20 ms.
  for (int i = 0; i < 5; ++i) {
    HttpTestClient idle(running.address());
    CHECK(idle.is_closed_without_more());
  }
  running.run([&] { exchange->respond({.headers = {}, .body = {Bytes::copy_of("at last")}}); });
  CHECK(held.read().body == "at last");
}

TEST_CASE("a client that goes while its answer is held is noticed, once", "[http]") {
  HttpParkingLot parked;
  int aborts = 0;
  std::promise<void> aborted;
  RunningHttpServer running([&](auto exchange) {
    exchange->on_abort([&] {
      if (++aborts == 1) aborted.set_value();
    });
    parked.park(std::move(exchange));
  });
  HttpTestClient client(running.address());
  client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
  const auto exchange = parked.take();
  REQUIRE(exchange);
  SECTION("by an end") {
    client.close();
  }
  SECTION("by a reset") {
    client.reset();
  }
  REQUIRE(aborted.get_future().wait_for(millrace::test::kDeadline) == std::future_status::ready);
  running.run([&] { exchange->respond({.headers = {}, .body = {}}); });  // Moot.
  CHECK(aborts == 1);
  CHECK(running.closed("aborted") == 1);
  CHECK(running.connections() == 0);
}

TEST_CASE("an exchange dropped without an answer is answered 500", "[http]") {
  HttpParkingLot parked;
  RunningHttpServer running([&](auto exchange) { parked.park(std::move(exchange)); });
  HttpTestClient client(running.address());
  client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  SECTION("on the loop") {
    auto exchange = parked.take();
    running.run([&] { exchange.reset(); });
    CHECK(client.read().status == 500);
  }
  SECTION("on another thread") {
    parked.take().reset();
    CHECK(client.read().status == 500);
  }
}
