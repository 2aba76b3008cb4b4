#include "net/rtmp/server_session.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "net/rtmp/big_endian.h"
#include "tests/support/rtmp_client.h"

using millrace::ErrorCode;
using millrace::Status;
using millrace::test::RtmpClient;
using namespace millrace::net::rtmp;

namespace {

using ByteVector = std::vector<std::uint8_t>;
const std::chrono::steady_clock::time_point kNow{std::chrono::seconds(7)};

void fill_zero(std::span<std::uint8_t> bytes) {
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
}

// Accepts every publish at once, unless it is to wait.
struct Recorder final : SessionEvents {
  ServerSession* session = nullptr;
  bool accepts = true;
  std::string log;
  std::vector<MediaMessage> media;
  std::optional<millrace::Error> media_error;

  void on_publish(const PublishCommand& command) override {
    log += "publish " + command.application + "/" + command.name + "\n";
    if (accepts) REQUIRE(session->accept_publish().has_value());
  }
  Status on_media(MediaMessage message) override {
    log += "media " + std::to_string(static_cast<int>(message.type)) + " @" +
           std::to_string(message.timestamp) + " " + std::to_string(message.payload.size()) + "\n";
    media.push_back(std::move(message));
    if (media_error) return *media_error;
    return millrace::ok();
  }
  void on_unpublish() override { log += "unpublish\n"; }
};

struct Session {
  Recorder events;
  ServerSession session{{.max_message_bytes = 1'000'000, .random = fill_zero}, events};
  RtmpClient client;
  ByteVector sent;

  Session() { events.session = &session; }

  Status feed(const ByteVector& bytes) {
    auto status = session.receive(bytes, kNow);
    sent.insert(sent.end(), session.output().begin(), session.output().end());
    session.output().clear();
    return status;
  }
  Status feed() {
    auto status = feed(client.bytes);
    client.bytes.clear();
    return status;
  }

  /// One line for each message the server has sent, but the handshake.
  std::string answers() {
    ChunkReader reader({});
    auto rest = std::span<const std::uint8_t>(sent).subspan(1 + 2 * 1536);
    std::string text;
    while (!rest.empty()) {
      auto message = reader.next(rest);
      REQUIRE(message.has_value());
      if (!message.value()) break;
      const auto& [type, timestamp, stream, payload] = *message.value();
      text += std::to_string(static_cast<int>(type));
      if (type == MessageType::kCommandAmf0) {
        Amf0Reader values(payload.span());
        while (!values.at_end()) {
          const auto value = values.read();
          REQUIRE(value.has_value());
          text += describe(value.value());
        }
      } else {
        for (std::size_t i = 0; i < payload.size(); ++i) text += " " + std::to_string(payload[i]);
      }
      text += '\n';
    }
    sent.resize(1 + 2 * 1536);
    return text;
  }

  static std::string describe(const AmfValue& value) {
    if (value.string() != nullptr) return " " + *value.string();
    if (value.number()) return " " + std::to_string(static_cast<int>(*value.number()));
    if (const auto* code = value.find("code"); code != nullptr) return " {" + *code->string() + "}";
    return value.object() != nullptr ? " {}" : " null";
  }
};

ByteVector whole_session() {
  RtmpClient client;
  client.handshake();
  client.connect("live");
  client.publish("key?token=1");
  client.set_chunk_size(200);
  client.meta_data({{"width", 1280.0}, {"encoder", "test"}});
  for (std::uint32_t i = 0; i < 8; ++i) {
    client.video(0xFFFFF0 + i * 33, ByteVector(500 + i, static_cast<std::uint8_t>(i)));
    client.audio(0xFFFFF0 + i * 21, ByteVector(90, 1));
  }
  client.unpublish("key?token=1");
  return std::move(client.bytes);
}

}  // namespace

TEST_CASE("a publish goes as librtmp does it", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  REQUIRE(s.feed().has_value());
  CHECK(s.answers() ==
        "5 0 38 37 160\n"
        "6 0 38 37 160 2\n"
        "1 0 0 16 0\n"
        "20 _result 1 {} {NetConnection.Connect.Success}\n");
  s.client.publish("key");
  REQUIRE(s.feed().has_value());
  CHECK(s.answers() ==
        "20 _result 2 null null\n"
        "20 _result 3 null null\n"
        "20 onFCPublish 0 null {NetStream.Publish.Start}\n"
        "20 _result 4 null 1\n"
        "4 0 0 0 0 0 1\n"
        "20 onStatus 0 null {NetStream.Publish.Start}\n");
  s.client.unpublish("key");
  REQUIRE(s.feed().has_value());
  CHECK(s.answers() ==
        "20 onFCUnpublish 0 null {NetStream.Unpublish.Success}\n"
        "20 onStatus 0 null {NetStream.Unpublish.Success}\n");
  CHECK(s.events.log == "publish live/key\nunpublish\n");
}

TEST_CASE("a session cut at every byte is the same as at once", "[rtmp]") {
  const auto bytes = whole_session();
  Session at_once;
  REQUIRE(at_once.feed(bytes).has_value());
  CHECK(at_once.events.media.size() == 17);

  Session one_by_one;
  for (const auto byte : bytes) REQUIRE(one_by_one.feed({byte}).has_value());
  CHECK(one_by_one.events.log == at_once.events.log);
  CHECK(one_by_one.sent == at_once.sent);

  // Two pieces, wherever the cut is.
  for (std::size_t cut = 3073; cut < bytes.size(); cut += 7) {
    Session two;
    const auto at = static_cast<std::ptrdiff_t>(cut);
    REQUIRE(two.feed({bytes.begin(), bytes.begin() + at}).has_value());
    REQUIRE(two.feed({bytes.begin() + at, bytes.end()}).has_value());
    REQUIRE(two.events.log == at_once.events.log);
  }
}

TEST_CASE("what comes while a publish waits is kept until it is accepted", "[rtmp]") {
  const auto bytes = whole_session();
  Session at_once;
  REQUIRE(at_once.feed(bytes).has_value());

  Session waiting;
  waiting.events.accepts = false;
  REQUIRE(waiting.feed(bytes).has_value());
  CHECK(waiting.events.log == "publish live/key?token=1\n");
  CHECK_FALSE(waiting.session.wants_input());
  REQUIRE(waiting.session.accept_publish().has_value());
  CHECK(waiting.events.log == at_once.events.log);
  CHECK(waiting.events.media.back().received_at == kNow);
}

TEST_CASE("a refused publisher is told and not heard any more", "[rtmp]") {
  Session s;
  s.events.accepts = false;
  REQUIRE(s.feed(whole_session()).has_value());
  s.answers();
  s.session.refuse_publish("NetStream.Publish.Denied", "Invalid stream key.");
  REQUIRE(s.feed({}).has_value());
  CHECK(s.answers() == "20 onStatus 0 null {NetStream.Publish.Denied}\n");
  CHECK(s.session.state() == ServerSession::State::kEnded);
  REQUIRE(s.feed(ByteVector(100, 0xFF)).has_value());
  CHECK(s.events.media.empty());
}

TEST_CASE("a server that ends a stream says why and closes the connection", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("key");
  REQUIRE(s.feed().has_value());
  s.answers();
  s.session.end("NetStream.Publish.Denied", "taken over");
  REQUIRE(s.feed({}).has_value());
  CHECK(s.answers() ==
        "20 onStatus 0 null {NetStream.Publish.Denied}\n"
        "20 close 0 null\n");
}

TEST_CASE("each way to end a stream ends it once", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("key");
  const auto way = GENERATE(0, 1, 2, 3);
  if (way == 0) s.client.command(0, {"FCUnpublish", 6.0, AmfNull{}, "key"});
  if (way == 1) s.client.command(1, {"closeStream", 0.0, AmfNull{}});
  if (way == 2) s.client.command(0, {"deleteStream", 6.0, AmfNull{}, 1.0});
  if (way == 3) s.client.command(1, {"publish", 0.0, AmfNull{}, false});
  s.client.command(1, {"closeStream", 0.0, AmfNull{}});
  s.client.video(1, ByteVector{1});
  REQUIRE(s.feed().has_value());
  CHECK(s.events.log == "publish live/key\nunpublish\n");
}

TEST_CASE("an encoder may publish again on the same connection", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("one");
  s.client.unpublish("one");
  s.client.publish("two");
  s.client.video(1, ByteVector{1});
  REQUIRE(s.feed().has_value());
  CHECK(s.events.log == "publish live/one\nunpublish\npublish live/two\nmedia 9 @1 1\n");
}

TEST_CASE("an application has neither query nor slash behind it", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live/?user=a");
  s.client.publish("key");
  REQUIRE(s.feed().has_value());
  CHECK(s.events.log == "publish live/key\n");
}

TEST_CASE("a second stream of a publishing connection is denied", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("key");
  REQUIRE(s.feed().has_value());
  s.answers();
  s.client.command(2, {"publish", 9.0, AmfNull{}, "other"});
  s.client.video(1, ByteVector{1});
  REQUIRE(s.feed().has_value());
  CHECK(s.answers() == "20 onStatus 0 null {NetStream.Publish.Denied}\n");
  CHECK(s.events.log == "publish live/key\nmedia 9 @1 1\n");
}

TEST_CASE("a publish without a name is refused", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("");
  const auto status = s.feed();
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kDenied);
  CHECK(s.answers().find("{NetStream.Publish.BadName}") != std::string::npos);
}

TEST_CASE("a player is told that it is at the wrong door", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.command(1, {"play", 5.0, AmfNull{}, "key"});
  const auto status = s.feed();
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kUnsupported);
  CHECK(s.answers().find("{NetStream.Play.Failed}") != std::string::npos);
}

TEST_CASE("an unknown call gets an error if it has a transaction", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  REQUIRE(s.feed().has_value());
  s.answers();
  s.client.command(0, {"frobnicate", 7.0, AmfNull{}});
  s.client.command(0, {"frobnicate", 0.0, AmfNull{}});
  s.client.command(0, {"_result", 7.0, AmfNull{}});
  s.client.command(0, {"getStreamLength", 8.0, AmfNull{}, "key"});
  s.client.command(0, {"_checkbw", 9.0, AmfNull{}});
  REQUIRE(s.feed().has_value());
  CHECK(s.answers() ==
        "20 _error 7 null {NetConnection.Call.Failed}\n"
        "20 _result 8 null 0\n"
        "20 _result 9 null null\n");
}

TEST_CASE("a ping is answered with its time", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  REQUIRE(s.feed().has_value());
  s.answers();
  s.client.message(MessageType::kUserControl, 0, 0, ByteVector{0, 6, 1, 2, 3, 4}, 2);
  s.client.message(MessageType::kUserControl, 0, 0, ByteVector{0, 3, 0, 0, 0, 1, 0, 0, 3, 232}, 2);
  REQUIRE(s.feed().has_value());
  CHECK(s.answers() == "4 0 7 1 2 3 4\n");
}

TEST_CASE("bytes are acknowledged when the peer's window is full", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.message(MessageType::kWindowAcknowledgementSize, 0, 0, ByteVector{0, 1, 0, 0}, 2);
  s.client.publish("key");
  REQUIRE(s.feed().has_value());
  s.answers();
  s.client.video(0, ByteVector(40'000, 1));
  REQUIRE(s.feed().has_value());
  CHECK(s.answers().empty());
  s.client.video(40, ByteVector(40'000, 1));
  REQUIRE(s.feed().has_value());
  const auto text = s.answers();
  CHECK(text.substr(0, 4) == "3 0 ");
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("an AMF3 envelope is taken off commands and data", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  ByteVector command{0};
  for (const AmfValue& value :
       {AmfValue("publish"), AmfValue(5.0), AmfValue(AmfNull{}), AmfValue("key"), AmfValue("live")})
    append_amf0(command, value);
  s.client.message(MessageType::kCommandAmf3, 0, 1, command);
  ByteVector data{0};
  append_amf0(data, "@setDataFrame");
  append_amf0(data, "onMetaData");
  s.client.message(MessageType::kDataAmf3, 0, 1, data);
  REQUIRE(s.feed().has_value());
  CHECK(s.events.log == "publish live/key\nmedia 18 @0 13\n");
}

TEST_CASE("@setDataFrame is taken off, other data is handed on as it is", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("key");
  s.client.meta_data({{"framerate", 30.0}});
  ByteVector text;
  append_amf0(text, "onTextData");
  s.client.message(MessageType::kDataAmf0, 9, 1, text);
  REQUIRE(s.feed().has_value());
  REQUIRE(s.events.media.size() == 2);
  CHECK(Amf0Reader(s.events.media[0].payload.span()).read().value() == AmfValue("onMetaData"));
  CHECK(Amf0Reader(s.events.media[1].payload.span()).read().value() == AmfValue("onTextData"));
}

TEST_CASE("an aggregate message is its parts, at times counted from the first", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("key");
  ByteVector aggregate;
  const auto add = [&](int type, std::uint32_t timestamp, std::size_t size) {
    append_big_endian(aggregate, static_cast<std::uint64_t>(type), 1);
    append_big_endian(aggregate, size, 3);
    append_big_endian(aggregate, timestamp & 0xFFFFFF, 3);
    append_big_endian(aggregate, timestamp >> 24, 1);
    append_big_endian(aggregate, 0, 3);
    aggregate.insert(aggregate.end(), size, 7);
    append_big_endian(aggregate, size + 11, 4);
  };
  add(9, 0x01000005, 20);
  add(8, 0x01000019, 10);
  s.client.message(MessageType::kAggregate, 500, 1, aggregate);
  REQUIRE(s.feed().has_value());
  CHECK(s.events.log == "publish live/key\nmedia 9 @500 20\nmedia 8 @520 10\n");

  aggregate[2] = 0xFF;  // The first part passes the end.
  s.client.message(MessageType::kAggregate, 600, 1, aggregate);
  CHECK_FALSE(s.feed().has_value());
}

TEST_CASE("media before a publish is passed over", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.video(0, ByteVector(50, 1));
  s.client.meta_data({});
  REQUIRE(s.feed().has_value());
  CHECK(s.events.log.empty());
}

TEST_CASE("an error of the owner ends the session", "[rtmp]") {
  Session s;
  s.events.media_error = millrace::Error{ErrorCode::kUnsupported, "VP6"};
  s.client.handshake();
  s.client.connect("live");
  s.client.publish("key");
  s.client.video(0, ByteVector{0x24});
  s.client.video(40, ByteVector{0x24});
  const auto status = s.feed();
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message == "VP6");
  CHECK(s.events.media.size() == 1);
}

TEST_CASE("what is no RTMP session ends it", "[rtmp]") {
  Session s;
  s.client.handshake();
  const auto fault = GENERATE(0, 1, 2, 3);
  if (fault == 0) s.client.command(0, {"createStream", 1.0, AmfNull{}});  // Before connect.
  if (fault == 1) {
    s.client.connect("live");
    s.client.connect("live");
  }
  if (fault == 2) s.client.command(0, {"connect", 1.0, AmfObject{}});
  if (fault == 3) s.client.message(MessageType::kCommandAmf0, 0, 0, ByteVector{5});
  const auto status = s.feed();
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kInvalidData);
}

TEST_CASE("before a publish only messages of a command's size are taken", "[rtmp]") {
  Session s;
  s.client.handshake();
  s.client.connect("live");
  s.client.message(MessageType::kVideo, 0, 1, ByteVector(70'000, 1));
  CHECK(s.feed().error().code == ErrorCode::kLimitExceeded);

  Session publishing;
  publishing.client.handshake();
  publishing.client.connect("live");
  publishing.client.publish("key");
  publishing.client.video(0, ByteVector(70'000, 1));
  CHECK(publishing.feed().has_value());
  publishing.client.video(0, ByteVector(1'000'001, 1));
  CHECK(publishing.feed().error().code == ErrorCode::kLimitExceeded);
}

TEST_CASE("metadata that cannot be read is dropped, and the publisher goes on", "[rtmp]") {
  for (const ByteVector& data : {ByteVector{}, ByteVector{2, 0, 9, 'x'}, ByteVector{0x7f}}) {
    Session s;
    s.client.handshake();
    s.client.connect("live");
    s.client.publish("key");
    s.client.message(MessageType::kDataAmf0, 0, 1, data);
    CHECK(s.feed().has_value());
  }
}
