#include "net/http2_session.h"

#include <catch2/catch.hpp>

#include "tests/net/http2_test_client.h"

using millrace::Bytes;
using millrace::ErrorCode;
using millrace::MutableBytes;
using millrace::net::HttpExchange;
using millrace::net::HttpMethod;
using millrace::net::HttpResponse;
using millrace::net::HttpServerOptions;
using millrace::test::http2_frame;
using millrace::test::http2_get;
using millrace::test::Http2Request;
using millrace::test::Http2TestClient;
using millrace::test::HttpParkingLot;
using millrace::test::HttpTestClient;
using millrace::test::kPreface;
using millrace::test::RunningHttpServer;

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBigSize = 3 * 1024 * 1024 + 5;

Bytes big_body() {
  MutableBytes body(kBigSize);
  for (std::size_t i = 0; i < kBigSize; ++i) body.data()[i] = static_cast<std::uint8_t>(i * 7 / 5);
  return body;
}

void respond_with(const std::shared_ptr<HttpExchange>& exchange, std::string_view text) {
  exchange->respond({.kind = "page", .headers = {}, .body = {Bytes::copy_of(text)}});
}

/// "/held…" is parked, "/big" is big_body() in three pieces, everything else is told its path.
struct Fixture {
  explicit Fixture(HttpServerOptions options = {})
      : running([this](auto exchange) { handle(std::move(exchange)); }, std::move(options)) {}

  void handle(std::shared_ptr<HttpExchange> exchange) {
    const auto& path = exchange->request().path;
    if (path.starts_with("/held")) {
      exchange->on_abort([this] { ++aborted; });
      return parked.park(std::move(exchange));
    }
    if (path != "/big") return respond_with(exchange, path + exchange->request().query);
    exchange->respond({.kind = "segment",
                       .headers = {},
                       .body = {big.slice(0, 100), big.slice(100, 70'000), big.slice(70'100)}});
  }
  /// Waits for the next parked one.
  std::shared_ptr<HttpExchange> held() {
    auto exchange = parked.take();
    REQUIRE(exchange);
    return exchange;
  }
  void respond(const std::shared_ptr<HttpExchange>& exchange, std::string_view text) {
    running.run([&] { respond_with(exchange, text); });
  }
  /// What a client that is not to be trusted gets: an end for that reason, told by GOAWAY.
  void expect_flood(Http2TestClient& client) {
    client.read_to_end();
    client.connection.close();
    CHECK(client.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK(running.eventually([&] { return running.closed("flood") == 1; }));
    CHECK(running.errors(ErrorCode::kLimitExceeded) == 1);
    CHECK(running.streams() == 0);
  }

  HttpParkingLot parked;
  std::atomic<int> aborted = 0;
  const Bytes big = big_body();
  RunningHttpServer running;
};

/// Preface and settings, then `frames`, all by hand.
std::string opening(const std::string& frames = {}) {
  return std::string(kPreface) + http2_frame(NGHTTP2_SETTINGS, 0, 0) + frames;
}

}  // namespace

TEST_CASE("a client that knows of HTTP/2 gets it in clear text", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto& reply = client.get("/live/a%20b/index.m3u8?_HLS_msn=7");
  CHECK(reply.status == 200);
  CHECK(reply.body == "/live/a%20b/index.m3u8_HLS_msn=7");
  CHECK(reply.error_code == NGHTTP2_NO_ERROR);
  CHECK(reply.headers.at("content-length") == "32");
  CHECK(reply.headers.at("date").ends_with(" GMT"));
  for (int i = 0; i < 300; ++i)
    REQUIRE(client.get("/" + std::to_string(i)).body == "/" + std::to_string(i));
  CHECK(f.running.connections() == 1);
  CHECK(f.running.requests("page", 200) == 301);
  CHECK(f.running.version_requests("2", "no") == 301);
  CHECK(f.running.eventually([&] { return f.running.streams() == 0; }));
  CHECK(f.running.cut("client") + f.running.cut("refused") + f.running.cut("slow") == 0);
}

TEST_CASE("a preface may come in pieces, and what only begins like one is HTTP/1", "[http2]") {
  Fixture f;
  SECTION("byte by byte") {
    HttpTestClient client(f.running.address());
    for (const char byte : opening(http2_get(1))) client.send({&byte, 1});
    // The server's first frame is its SETTINGS.
    CHECK(client.receive_some().substr(3, 1) == std::string(1, NGHTTP2_SETTINGS));
    CHECK(f.running.eventually([&] { return f.running.version_requests("2", "no") == 1; }));
  }
  SECTION("another request that begins with P") {
    HttpTestClient client(f.running.address());
    client.send("P");
    client.send("UT /x HTTP/1.1\r\nHost: test\r\n\r\n");
    CHECK(client.read().status == 200);
    CHECK(f.running.version_requests("1", "no") == 1);
  }
  SECTION("wrong at its end") {
    HttpTestClient client(f.running.address());
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
    CHECK(client.read().status == 505);
  }
  SECTION("the client goes before it is told apart") {
    HttpTestClient client(f.running.address());
    client.send("PRI * ");
    client.close();
    CHECK(f.running.eventually([&] { return f.running.closed("aborted") == 1; }));
  }
}

TEST_CASE("a half preface is waited for as long as a request", "[http2]") {
  Fixture f({.listen = {}, .header_timeout = 100ms});
  HttpTestClient client(f.running.address());
  client.send("PRI * HT");
  CHECK(client.read().status == 408);
  CHECK(client.is_closed_without_more());
}

TEST_CASE("a handler sees the same request as by HTTP/1", "[http2]") {
  std::string seen;
  RunningHttpServer running([&](auto exchange) {
    const auto& request = exchange->request();
    seen = std::string(request.header("host")) + "|" + std::string(request.header("cookie")) + "|" +
           std::string(request.header("range")) + "|" +
           (request.method == HttpMethod::kOptions ? "options" : "other") + "|" +
           request.remote_address.substr(0, request.remote_address.find(':')) + "|" + request.path;
    for (const auto& [name, value] : request.headers) seen += name.starts_with(':') ? "!" : "";
    respond_with(exchange, "");
  });
  Http2TestClient client(running.address());
  const auto id =
      client.ask({.path = "*",
                  .method = "OPTIONS",
                  .headers = {{"cookie", "a=1"}, {"range", "bytes=0-9"}, {"cookie", "b=2"}}});
  CHECK(client.wait(id).status == 200);
  CHECK(seen == "test|a=1; b=2|bytes=0-9|options|127.0.0.1|*");
}

TEST_CASE("an answer's header has no upper case, no line break and nothing of HTTP/1", "[http2]") {
  RunningHttpServer running([](auto exchange) {
    exchange->respond({.headers = {{"Content-Type", "text/plain"},
                                   {"X-Echo", " a\r\nSet-Cookie: x "},
                                   {"Connection", "close"},
                                   {"Transfer-Encoding", "chunked"}},
                       .body = {}});
  });
  Http2TestClient client(running.address());
  const auto& reply = client.get("/");
  CHECK(reply.status == 200);
  CHECK(reply.headers.at("content-type") == "text/plain");
  CHECK(reply.headers.at("x-echo") == "a  Set-Cookie: x");
  CHECK(reply.headers.size() == 5);  // With :status, date and content-length.
}

TEST_CASE("what has no content by HTTP/1 has none by HTTP/2", "[http2]") {
  int status = 200;
  RunningHttpServer running([&](auto exchange) {
    exchange->respond({.status = status, .headers = {}, .body = {Bytes::copy_of("12345")}});
  });
  Http2TestClient client(running.address());
  const auto& head = client.wait(client.ask({.method = "HEAD"}));
  CHECK(head.headers.at("content-length") == "5");
  CHECK(head.body.empty());
  CHECK(head.error_code == NGHTTP2_NO_ERROR);
  for (const int bodiless : {204, 304}) {
    status = bodiless;
    const auto& reply = client.get("/");
    CHECK(reply.status == bodiless);
    CHECK(reply.headers.count("content-length") == 0);
    CHECK(reply.body.empty());
  }
}

TEST_CASE("requests of a connection are answered as they are ready", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto first = client.ask({.path = "/held/1"});
  const auto second = client.ask({.path = "/held/2"});
  CHECK(client.get("/now").body == "/now");
  const auto one = f.held();
  const auto two = f.held();
  CHECK(f.running.streams() == 2);
  f.respond(two, "two");
  CHECK(client.wait(second).body == "two");
  CHECK_FALSE(client.reply(first).is_over);
  f.respond(one, "one");
  CHECK(client.wait(first).body == "one");
}

TEST_CASE("long bodies arrive whole, several at a time, with short ones between", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto one = client.ask({.path = "/big"});
  const auto two = client.ask({.path = "/big"});
  CHECK(client.get("/small").body == "/small");
  CHECK_FALSE(client.reply(one).is_over);
  CHECK(client.wait(one).body == f.big.text());
  CHECK(client.wait(two).body == f.big.text());
  CHECK(client.order.size() > 4);  // In turn.
}

TEST_CASE("an urgent answer goes before one that is not", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto media = client.ask({.path = "/held", .headers = {{"priority", "u=5"}}});
  const auto playlist = client.ask({.path = "/held", .headers = {{"priority", "u=1"}}});
  const auto first = f.held();
  const auto second = f.held();
  f.running.run([&] {
    for (const auto& exchange : {first, second})
      exchange->respond({.headers = {}, .body = {f.big}});
  });
  client.wait(playlist);
  CHECK_FALSE(client.reply(media).is_over);
  CHECK(client.wait(media).body.size() == kBigSize);
}

TEST_CASE("a request that is taken back leaves its handler at once", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto id = client.ask({.path = "/held"});
  const auto exchange = f.held();
  client.cancel(id);
  CHECK(f.running.eventually([&] { return f.aborted == 1; }));
  CHECK(f.running.cut("client") == 1);
  f.respond(exchange, "moot");
  CHECK(client.get("/next").body == "/next");
  CHECK(f.running.streams() == 0);
}

TEST_CASE("a connection that ends leaves all its handlers at once", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  client.ask({.path = "/held/1"});
  client.ask({.path = "/held/2"});
  const auto one = f.held();
  const auto two = f.held();
  client.connection.close();
  CHECK(f.running.eventually([&] { return f.aborted == 2; }));
  CHECK(f.running.closed("aborted") == 1);
  CHECK(f.running.streams() == 0);
  CHECK(f.running.connections() == 0);
}

TEST_CASE("a handler that lets go of a request, on any thread, has answered 500", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto id = client.ask({.path = "/held"});
  f.held().reset();
  CHECK(client.wait(id).status == 500);
}

TEST_CASE("a server that goes tells no handler of HTTP/2 streams", "[http2]") {
  std::shared_ptr<HttpExchange> exchange;
  std::unique_ptr<Http2TestClient> client;  // It outlives the server.
  auto f = std::make_unique<Fixture>();
  client = std::make_unique<Http2TestClient>(f->running.address());
  client->ask({.path = "/held"});
  exchange = f->held();
  f->running.loops.stop_and_join();
  f->running.server.reset();
  CHECK(f->aborted == 0);
  CHECK(f->running.streams() == 0);
  exchange->respond({.headers = {}, .body = {}});  // Moot, and harmless.
}

TEST_CASE("more requests than a connection may have are refused, the others are not", "[http2]") {
  Fixture f({.listen = {}, .max_streams = 2});
  Http2TestClient client(f.running.address());  // It has not read the limit yet.
  client.ask({.path = "/held/1"});
  const auto second = client.ask({.path = "/held/2"});
  const auto third = client.ask({.path = "/held/3"});
  CHECK(client.wait(third).error_code == NGHTTP2_REFUSED_STREAM);
  CHECK(f.running.cut("refused") == 1);
  const auto one = f.held();
  f.respond(f.held(), "two");
  CHECK(client.wait(second).body == "two");
  CHECK(client.get("/next").body == "/next");
}

TEST_CASE("too large a header is refused, and the connection goes on", "[http2]") {
  Fixture f({.listen = {}, .max_header_bytes = 1'000});
  Http2TestClient client(f.running.address());
  const auto large = client.ask({.headers = {{"x-large", std::string(2'000, 'x')}}});
  CHECK(client.wait(large).status == 431);
  std::vector<std::pair<std::string, std::string>> many(101, {"x", ""});
  CHECK(client.wait(client.ask({.headers = many})).status == 431);
  CHECK(client.get("/next").body == "/next");
  CHECK(f.running.requests("error", 431) == 2);
}

TEST_CASE("headers of held requests together are bounded", "[http2]") {
  Fixture f({.listen = {}, .max_header_bytes = 1'000});
  Http2TestClient client(f.running.address());
  std::int32_t last = 0;
  for (int i = 0; i < 20; ++i)
    last = client.ask({.path = "/held", .headers = {{"x-large", std::string(700, 'x')}}});
  CHECK(client.wait(last).status == 431);
  CHECK(f.parked.size() > 10);
}

TEST_CASE("a connection that may have more requests may have more headers", "[http2]") {
  Fixture f({.listen = {}, .max_header_bytes = 1'000, .max_streams = 300});
  Http2TestClient client(f.running.address());
  for (int i = 0; i < 40; ++i)
    client.ask({.path = "/held", .headers = {{"x-large", std::string(700, 'x')}}});
  CHECK(client.get("/next").status == 200);
  CHECK(f.parked.size() == 40);
}

TEST_CASE("a body is dropped, and too large a one refused", "[http2]") {
  Fixture f({.listen = {}, .max_body_bytes = 1'000});
  Http2TestClient client(f.running.address());
  CHECK(client.wait(client.ask({.method = "POST", .body = std::string(1'000, 'x')})).status == 200);
  const auto large = client.ask({.method = "POST", .body = std::string(1'001, 'x')}, false);
  CHECK(client.wait(large).status == 413);
  CHECK(client.reply(large).error_code == NGHTTP2_NO_ERROR);
  CHECK(client.get("/next").body == "/next");
  CHECK(f.running.cut("refused") == 0);
}

TEST_CASE("a request that is not complete in time is refused, held ones stay", "[http2]") {
  Fixture f({.listen = {}, .header_timeout = 100ms});
  Http2TestClient client(f.running.address());
  const auto held = client.ask({.path = "/held"});
  CHECK(client.wait(client.ask({.method = "POST"}, false)).status == 408);
  f.respond(f.held(), "late");
  CHECK(client.wait(held).body == "late");
}

TEST_CASE("an answer that is not taken is cut, and the others are not", "[http2]") {
  Fixture f({.listen = {}, .write_timeout = 100ms});
  Http2TestClient client(f.running.address(), {.stream_window = 20'000, .makes_room = false});
  const auto stuck = client.ask({.path = "/big"});
  const auto held = client.ask({.path = "/held"});
  CHECK(client.wait(stuck).error_code == NGHTTP2_CANCEL);
  CHECK(client.reply(stuck).body.size() == 20'000);
  CHECK(f.running.cut("slow") == 1);
  f.respond(f.held(), "late");
  CHECK(client.wait(held).body == "late");
}

TEST_CASE("a connection without room for any answer is closed", "[http2]") {
  Fixture f({.listen = {}, .write_timeout = 100ms});
  Http2TestClient client(f.running.address(), {.stream_window = 1 << 20, .makes_room = false});
  const auto stuck = client.ask({.path = "/big"});
  client.ask({.path = "/held"});
  client.read_to_end();
  CHECK(client.reply(stuck).body.size() == 65'535);  // RFC 9113 6.9.2.
  CHECK(f.running.eventually([&] { return f.running.closed("slow") == 1; }));
  CHECK(f.aborted == 1);
}

TEST_CASE("a client that reads nothing at all is closed", "[http2]") {
  Fixture f({.listen = {}, .write_timeout = 100ms});
  HttpTestClient client(f.running.address(), 4096);
  // Windows as large as they can be: only the socket is in the way.
  client.send(std::string(kPreface) +
              http2_frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\x04\x7f\xff\xff\xff", 6)) +
              http2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\x7f\xff\0\0", 4)));
  for (std::uint32_t id = 1; id < 20; id += 2)
    client.send(http2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, id,
                            "\x82\x86\x04\x04/big\x01\x01"
                            "a"));
  CHECK(f.running.eventually([&] { return f.running.closed("slow") == 1; }));
  CHECK(f.running.streams() == 0);
}

TEST_CASE("an idle connection is told to end", "[http2]") {
  Fixture f({.listen = {}, .idle_timeout = 100ms});
  Http2TestClient client(f.running.address());
  CHECK(client.get("/").status == 200);
  client.ping();
  client.read_to_end();
  CHECK(client.goaway == NGHTTP2_NO_ERROR);
  client.connection.close();
  CHECK(f.running.eventually([&] { return f.running.closed("idle") == 1; }));
}

TEST_CASE("a connection with a held request is not idle", "[http2]") {
  Fixture f({.listen = {}, .header_timeout = 50ms, .idle_timeout = 50ms, .write_timeout = 50ms});
  Http2TestClient client(f.running.address());
  const auto id = client.ask({.path = "/held"});
  const auto exchange = f.held();
  HttpTestClient idle(f.running.address());  // Ends when the time has passed.
  CHECK(idle.is_closed_without_more());
  f.respond(exchange, "late");
  CHECK(client.wait(id).body == "late");
}

TEST_CASE("a server that stops answers what is held and says goodbye", "[http2]") {
  Fixture f;
  Http2TestClient idle(f.running.address());
  REQUIRE(idle.get("/").status == 200);
  Http2TestClient client(f.running.address());
  const auto id = client.ask({.path = "/held"});
  const auto exchange = f.held();
  f.running.server->stop_accepting();
  idle.read_to_end();
  CHECK(idle.goaway == NGHTTP2_NO_ERROR);
  while (!client.goaway && client.read_some()) {
  }
  CHECK(client.goaway == NGHTTP2_NO_ERROR);
  f.respond(exchange, "last");
  CHECK(client.wait(id).body == "last");
  client.read_to_end();
  idle.connection.close();
  client.connection.close();
  CHECK(f.running.eventually([&] { return f.running.closed("finished") == 2; }));
}

TEST_CASE("a client's goodbye ends its connection after its answers", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto id = client.ask({.path = "/held"});
  const auto exchange = f.held();
  client.connection.send(http2_frame(NGHTTP2_GOAWAY, 0, 0, std::string(8, '\0')));
  f.respond(exchange, "last");
  CHECK(client.wait(id).body == "last");
  client.read_to_end();
  client.connection.close();
  CHECK(f.running.eventually([&] { return f.running.closed("client") == 1; }));
}

TEST_CASE("what breaks the protocol ends the connection with a reason", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  client.ask({.path = "/held"});
  const auto exchange = f.held();
  client.connection.send(http2_frame(NGHTTP2_PING, 0, 0, "short"));
  client.read_to_end();
  CHECK(client.goaway == NGHTTP2_FRAME_SIZE_ERROR);
  CHECK(f.running.errors(ErrorCode::kInvalidData) == 1);
  client.connection.close();
  CHECK(f.running.eventually([&] { return f.running.closed("refused") == 1; }));
  CHECK(f.aborted == 1);
}

TEST_CASE("a malformed request ends its stream alone", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  const auto id = client.ask({.headers = {{"connection", "close"}}});  // RFC 9113 8.2.2.
  CHECK(client.wait(id).error_code == NGHTTP2_PROTOCOL_ERROR);
  CHECK(client.get("/next").body == "/next");
  CHECK(f.running.cut("refused") == 1);
}

TEST_CASE("requests taken back faster than a viewer could end the connection", "[http2]") {
  // CVE-2023-44487: at any moment there are none, so that MAX_CONCURRENT_STREAMS is kept.
  Fixture f({.listen = {}, .max_streams = 10});
  Http2TestClient client(f.running.address());
  REQUIRE(client.get("/").status == 200);
  std::string frames;
  for (std::uint32_t id = 3; id < 203; id += 2)
    frames += http2_get(id) + http2_frame(NGHTTP2_RST_STREAM, 0, id, std::string("\0\0\0\x08", 4));
  client.connection.send(frames);
  f.expect_flood(client);
  CHECK(f.running.cut("client") < 50);
}

TEST_CASE("requests that we have to cut are as bad as those taken back", "[http2]") {
  Fixture f({.listen = {}, .max_streams = 10});
  Http2TestClient client(f.running.address());
  REQUIRE(client.get("/").status == 200);
  std::string frames;
  for (std::uint32_t id = 3; id < 203; id += 2)  // RFC 9113 6.9: an increment of 0 is an error.
    frames += http2_get(id) + http2_frame(NGHTTP2_WINDOW_UPDATE, 0, id, std::string(4, '\0'));
  client.connection.send(frames);
  client.read_to_end();
  client.connection.close();
  CHECK(f.running.eventually(
      [&] { return f.running.closed("flood") + f.running.closed("refused") == 1; }));
}

TEST_CASE("frames that ask for nothing end the connection when they are many", "[http2]") {
  Fixture f;
  Http2TestClient client(f.running.address());
  std::string frame;
  std::string before;
  SECTION("PING") {
    frame = http2_frame(NGHTTP2_PING, 0, 0, "12345678");
  }
  SECTION("answers to a PING that was none") {
    frame = http2_frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678");
  }
  SECTION("SETTINGS") {
    frame = http2_frame(NGHTTP2_SETTINGS, 0, 0);
  }
  SECTION("WINDOW_UPDATE") {
    frame = http2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\x01", 4));
  }
  SECTION("PRIORITY") {
    frame = http2_frame(NGHTTP2_PRIORITY, 0, 1, std::string(5, '\0'));
    frame[13] = 16;  // Of stream 1, depending on none.
  }
  SECTION("empty DATA") {
    before = http2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
                         "\x83\x84\x86\x01\x01"
                         "a");
    frame = http2_frame(NGHTTP2_DATA, 0, 1);
  }
  client.flush();
  std::string frames = before;
  for (int i = 0; i < 3'000; ++i) frames += frame;
  client.connection.send(frames);
  f.expect_flood(client);
}

TEST_CASE("frames of no known type are not taken for ever", "[http2]") {
  Fixture f;
  HttpTestClient client(f.running.address());
  client.send(opening());
  const auto frame = http2_frame(0xee, 0, 0, std::string(16'000, 'x'));
  for (int i = 0; i < 3'000 && client.send(frame); ++i) {
  }
  client.close();
  CHECK(f.running.eventually([&] { return f.running.closed("flood") == 1; }));
}

TEST_CASE("a header that never ends ends the connection", "[http2]") {
  Fixture f;
  HttpTestClient client(f.running.address());
  std::string frames = opening(http2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82"));
  SECTION("without fields") {
    for (int i = 0; i < 3'000; ++i) frames += http2_frame(NGHTTP2_CONTINUATION, 0, 1);
  }
  SECTION("with ever more fields") {
    for (int i = 0; i < 3'000; ++i)
      frames += http2_frame(NGHTTP2_CONTINUATION, 0, 1,
                            std::string("\0\x01x\x7f\xad\x01", 6) + std::string(300, 'x'));
  }
  client.send(frames);
  client.is_closed_without_more();
  client.close();
  CHECK(f.running.eventually(
      [&] { return f.running.closed("flood") + f.running.closed("refused") == 1; }));
  CHECK(f.running.streams() == 0);
}

TEST_CASE("a small header that stands for a large one ends the connection", "[http2]") {
  Fixture f({.listen = {}, .max_header_bytes = 4'000});
  HttpTestClient client(f.running.address());
  // A field of 3000 bytes enters the table, then one byte each repeats it (RFC 7541 6.1).
  std::string block(
      "\x82\x84\x86\x41\x01"
      "a\x40\x01x\x7f\xb9\x16",
      12);
  block += std::string(2'873 + 127, 'x') + std::string(200, '\xbe');
  client.send(opening(
      http2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, 1, block)));
  client.is_closed_without_more();
  client.close();
  CHECK(f.running.eventually([&] { return f.running.closed("flood") == 1; }));
}

TEST_CASE("answers to PINGs that are not read are bounded", "[http2]") {
  Fixture f;
  HttpTestClient client(f.running.address(), 4096);
  client.send(std::string(kPreface) +
              http2_frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\x04\x7f\xff\xff\xff", 6)) +
              http2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\x7f\xff\0\0", 4)));
  for (std::uint32_t id = 1; id < 20; id += 2)
    client.send(http2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, id,
                            "\x82\x86\x04\x04/big\x01\x01"
                            "a"));
  std::string pings;
  for (int i = 0; i < 900; ++i) pings += http2_frame(NGHTTP2_PING, 0, 0, "12345678");
  client.send(pings);
  CHECK(f.running.eventually([&] { return f.running.closed("flood") == 1; }));
}
