#include "net/rtmp/tcp_connection.h"

#include <catch2/catch.hpp>

#include "tests/support/rtmp_sender.h"
#include "tests/support/rtmp_server_fixture.h"

using namespace std::chrono_literals;
using millrace::ErrorCode;
using millrace::net::rtmp::ServerOptions;
using millrace::test::RtmpSender;
using millrace::test::RtmpServerFixture;

namespace {

using ByteVector = std::vector<std::uint8_t>;

ErrorCode code_of(const millrace::test::RtmpRecord::Content& content, std::size_t index = 0) {
  REQUIRE(content.closed.size() > index);
  REQUIRE(content.closed[index]);
  return content.closed[index]->code;
}

}  // namespace

TEST_CASE("a publisher's messages arrive and its end is clean", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  REQUIRE(sender.publish("live", "key") == "NetStream.Publish.Start");
  sender.client().video(40, ByteVector(100'000, 1));
  sender.client().audio(41, ByteVector(300, 1));
  sender.client().unpublish("key");
  REQUIRE(sender.flush());
  CHECK(sender.wait_status() == "NetStream.Unpublish.Success");
  sender.close();
  const auto content = fixture.record.wait_closed(1);
  CHECK(content.media == std::vector<std::string>{"9@40:100000", "8@41:300"});
  CHECK(content.unpublished == 1);
  REQUIRE(content.closed.size() == 1);
  CHECK_FALSE(content.closed[0]);
  CHECK(fixture.wait_metric("millrace_rtmp_connections_closed_total{why=\"peer\"} 1"));
  CHECK(fixture.wait_metric("millrace_rtmp_connections 0"));
}

TEST_CASE("a publisher moves to another loop, and what it has sent already moves along",
          "[rtmp][threads]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  sender.client().handshake();
  sender.client().connect("live");
  sender.client().publish("move");
  for (std::uint32_t i = 0; i < 200; ++i) sender.client().video(i, ByteVector(2'000, 1));
  REQUIRE(sender.flush());
  CHECK(sender.wait_status() == "NetStream.Publish.Start");
  sender.client().video(1000, ByteVector(10, 1));
  REQUIRE(sender.flush());
  const auto content =
      fixture.record.wait([](const auto& record) { return record.media.size() == 201; });
  REQUIRE(content.media.size() == 201);
  CHECK(content.media.back() == "9@1000:10");
  REQUIRE(content.publish_threads.size() == 1);
  for (const auto& thread : content.media_threads) CHECK(thread != content.publish_threads[0]);
}

TEST_CASE("a refused publisher reads the status before the connection closes", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  CHECK(sender.publish("live", "wrong") == "NetStream.Publish.Denied");
  CHECK(sender.description() == "Invalid stream key.");
  CHECK(sender.wait_closed());
  CHECK(code_of(fixture.record.wait_closed(1)) == ErrorCode::kDenied);
  CHECK(fixture.wait_metric("millrace_errors_total{code=\"denied\",stage=\"rtmp\"} 1"));
}

TEST_CASE("a publisher whose media cannot be taken reads why", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  REQUIRE(sender.publish("live", "badmedia") == "NetStream.Publish.Start");
  // Media goes on coming while the server speaks its last words.
  for (int i = 0; i < 50; ++i) sender.client().video(0, ByteVector(10'000, 1));
  REQUIRE(sender.flush());
  CHECK(sender.wait_status() == "NetStream.Publish.Rejected");
  CHECK(sender.description() == "VP6 is not supported");
  CHECK(sender.wait_closed());
  const auto content = fixture.record.wait_closed(1);
  CHECK(code_of(content) == ErrorCode::kUnsupported);
  CHECK(content.media.size() == 1);
}

TEST_CASE("a connection that its owner ends gives no more media", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  REQUIRE(sender.publish("live", "ended") == "NetStream.Publish.Start");
  for (int i = 0; i < 50; ++i) sender.client().video(0, ByteVector(10'000, 1));
  REQUIRE(sender.flush());
  CHECK(sender.wait_status() == "NetStream.Publish.Denied");
  CHECK(sender.description() == "taken over");
  CHECK(sender.wait_closed());
  const auto content = fixture.record.wait_closed(1);
  CHECK(content.media.size() == 1);
  CHECK(content.closed.size() == 1);
  // What the server itself ends is no fault.
  CHECK(fixture.wait_metric("millrace_rtmp_connections_closed_total{why=\"stopped\"} 1"));
  CHECK(fixture.metrics.text().find("millrace_errors_total") == std::string::npos);
}

TEST_CASE("bytes that are no RTMP close the connection at once", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  sender.client().bytes.assign(request.begin(), request.end());
  REQUIRE(sender.flush());
  CHECK(sender.wait_closed());
  CHECK(code_of(fixture.record.wait_closed(1)) == ErrorCode::kInvalidData);
}

TEST_CASE("garbage behind a good handshake ends the connection", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  sender.client().handshake();
  sender.client().bytes.insert(sender.client().bytes.end(), 5'000, 0xFF);
  sender.flush();
  CHECK(sender.wait_closed());
  CHECK(code_of(fixture.record.wait_closed(1)) == ErrorCode::kInvalidData);
}

TEST_CASE("half a handshake left hanging is closed at its deadline", "[rtmp]") {
  ServerOptions options;
  options.handshake_timeout = 50ms;
  RtmpServerFixture fixture(options);
  RtmpSender sender(fixture.port());
  sender.client().handshake();
  sender.client().bytes.resize(700);
  REQUIRE(sender.flush());
  CHECK(sender.wait_closed());
  CHECK(code_of(fixture.record.wait_closed(1)) == ErrorCode::kTimedOut);
}

TEST_CASE("a connection that never publishes is closed at its deadline", "[rtmp]") {
  ServerOptions options;
  options.publish_timeout = 50ms;
  RtmpServerFixture fixture(options);
  RtmpSender sender(fixture.port());
  sender.client().handshake();
  sender.client().connect("live");
  if (GENERATE(false, true)) sender.client().publish("wait");  // The gate does not answer.
  REQUIRE(sender.flush());
  CHECK(sender.wait_closed());
  CHECK(code_of(fixture.record.wait_closed(1)) == ErrorCode::kTimedOut);
}

TEST_CASE("a publisher that sends nothing is closed at its deadline, one that sends is not",
          "[rtmp]") {
  ServerOptions options;
  options.idle_timeout = 200ms;
  RtmpServerFixture fixture(options);
  RtmpSender idle(fixture.port());
  RtmpSender busy(fixture.port());
  REQUIRE(idle.publish("live", "idle") == "NetStream.Publish.Start");
  REQUIRE(busy.publish("live", "busy") == "NetStream.Publish.Start");
  std::uint32_t time = 0;
  while (!idle.wait_closed(20) && time < 200) {
    busy.client().video(++time, ByteVector(10, 1));
    REQUIRE(busy.flush());
  }
  CHECK(idle.is_at_end());
  CHECK_FALSE(busy.wait_closed(0));
  const auto content = fixture.record.wait_closed(1);
  CHECK(content.closed.size() == 1);
  CHECK(code_of(content) == ErrorCode::kTimedOut);
}

TEST_CASE("a message of 16 MB is refused when it is announced", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  REQUIRE(sender.publish("live", "key") == "NetStream.Publish.Start");
  sender.client().bytes = {6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0};
  REQUIRE(sender.flush());
  CHECK(sender.wait_status() == "NetStream.Publish.Rejected");
  CHECK(code_of(fixture.record.wait_closed(1)) == ErrorCode::kLimitExceeded);
}

TEST_CASE("a publisher that dies inside a message is lost, not ended", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender sender(fixture.port());
  REQUIRE(sender.publish("live", "key") == "NetStream.Publish.Start");
  sender.client().video(40, ByteVector(10, 1));
  sender.client().video(80, ByteVector(100'000, 1));
  sender.client().bytes.resize(50'000);
  REQUIRE(sender.flush());
  sender.close();
  const auto content = fixture.record.wait_closed(1);
  CHECK(content.media == std::vector<std::string>{"9@40:10"});
  CHECK(content.unpublished == 0);
  CHECK(code_of(content) == ErrorCode::kClosed);
  CHECK(content.closed[0]->message.find("in the middle of a message") != std::string::npos);
}

TEST_CASE("a peer that asks and never reads the answers is closed", "[rtmp]") {
  ServerOptions options;
  options.max_output_bytes = 16 * 1024;
  RtmpServerFixture fixture(options);
  RtmpSender sender(fixture.port());
  REQUIRE(sender.publish("live", "key") == "NetStream.Publish.Start");
  for (int round = 0; round < 10'000 && fixture.record.wait_closed(0).closed.empty(); ++round) {
    for (int i = 0; i < 500; ++i)
      sender.client().command(0, {"frobnicate", 7.0, millrace::net::rtmp::AmfNull{}});
    if (!sender.flush()) break;
  }
  CHECK(code_of(fixture.record.wait_closed(1)) == ErrorCode::kLimitExceeded);
}

TEST_CASE("a connection that says nothing at all is no fault", "[rtmp]") {
  RtmpServerFixture fixture;
  RtmpSender(fixture.port()).close();
  const auto content = fixture.record.wait_closed(1);
  REQUIRE(content.closed.size() == 1);
  CHECK_FALSE(content.closed[0]);
}
