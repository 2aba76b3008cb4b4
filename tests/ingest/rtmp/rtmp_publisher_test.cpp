#include "ingest/rtmp/rtmp_publisher.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/flv_tags.h"
#include "tests/support/rtmp_client.h"

using namespace millrace::test;
using millrace::Bytes;
using millrace::Error;
using millrace::ErrorCode;
using millrace::Metrics;
using millrace::ok;
using millrace::Result;
using millrace::Status;
using millrace::ingest::Admission;
using millrace::ingest::Announcement;
using millrace::ingest::Feed;
using millrace::ingest::Gate;
using millrace::ingest::Publisher;
using millrace::ingest::PublishRequest;
using millrace::ingest::RtmpPublisher;
using millrace::ingest::SourcePacket;
using millrace::net::EventLoop;
using millrace::net::rtmp::AmfObject;
using millrace::net::rtmp::AmfValue;
using millrace::net::rtmp::append_amf0;
using millrace::net::rtmp::Connection;
using millrace::net::rtmp::MessageType;

namespace {

/// Writes down what it is told to do; ends as a real one does, without calling back.
class FakeConnection final : public Connection, public std::enable_shared_from_this<Connection> {
 public:
  FakeConnection(EventLoop& loop, std::string& log) : loop_(&loop), log_(log) {}

  EventLoop& loop() override { return *loop_; }
  const std::string& remote_address() const override { return remote_address_; }
  bool is_open() const override { return is_open_; }
  std::weak_ptr<Connection> weak() override { return weak_from_this(); }
  void move_to(EventLoop& target, std::function<void()> then) override {
    log_ += "move\n";
    loop_ = &target;
    target.post(std::move(then));
  }
  void accept_publish() override { log_ += "accept\n"; }
  void refuse_publish(std::string_view code, std::string_view description, Error why) override {
    end_with("refuse", code, description, why);
  }
  void end(std::string_view code, std::string_view description, Error why) override {
    end_with("end", code, description, why);
  }
  void count_received_on(millrace::Counter counter) override { counter.increment(100); }

  void close() { is_open_ = false; }

 private:
  void end_with(const char* how, std::string_view code, std::string_view description,
                const Error& why) {
    log_ += std::string(how) + " " + std::string(code) + ", " + std::string(description) + " (" +
            std::string(to_string(why.code)) + ": " + why.message + ")\n";
    is_open_ = false;
  }

  EventLoop* loop_;
  std::string& log_;
  std::string remote_address_ = "192.0.2.7:51423";
  bool is_open_ = true;
};

/// Keeps what it is asked, for the test to answer.
struct HeldGate final : Gate {
  std::vector<PublishRequest> requests;
  std::function<void(Result<Admission>)> reply;

  void admit(PublishRequest request, std::function<void(Result<Admission>)> answer) override {
    requests.push_back(std::move(request));
    reply = std::move(answer);
  }
};

/// A publisher on a connection, with a gate and a channel on a loop of its own.
struct Fixture {
  std::string log;
  std::vector<SourcePacket> packets;
  std::optional<Error> attach_error, push_error, finish_error;
  Publisher* attached = nullptr;
  Metrics metrics;
  EventLoop loop, channel_loop;
  HeldGate gate;
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>(loop, log);
  RtmpPublisher publisher{*connection, gate, metrics};

  struct ChannelFeed final : Feed {
    explicit ChannelFeed(Fixture& owner) : fixture(owner) {}
    void unpublish() override { fixture.log += "unpublish\n"; }
    void announce(const Announcement& announcement) override {
      fixture.log += "announce " + announcement.encoder + "\n";
    }
    Status push(SourcePacket packet) override {
      fixture.log += "push\n";
      fixture.packets.push_back(std::move(packet));
      if (fixture.push_error) return *fixture.push_error;
      return ok();
    }
    Status finish() override {
      fixture.log += "finish\n";
      if (fixture.finish_error) return *fixture.finish_error;
      return ok();
    }
    Fixture& fixture;
  };

  Admission admission() {
    return {.channel = "shop",
            .loop = &channel_loop,
            .attach = [this](Publisher& source) -> Result<std::unique_ptr<Feed>> {
              log += channel_loop.is_current() ? "attach\n" : "attach elsewhere\n";
              attached = &source;
              if (attach_error) return *attach_error;
              return std::make_unique<ChannelFeed>(*this);
            }};
  }
  void publish(const std::string& name = "key") { publisher.on_publish({"live", name, "OBS"}); }
  void poll() {
    loop.poll();
    channel_loop.poll();
  }
  /// Up to the accepted publish; the log is empty then.
  void go_on_air() {
    publish();
    gate.reply(admission());
    poll();
    REQUIRE(log == "move\nattach\naccept\n");
    log.clear();
  }

  Status video(std::uint32_t timestamp, const ByteVector& body) {
    return publisher.on_media({MessageType::kVideo, timestamp, Bytes::copy_of(body), {}});
  }
  Status audio(std::uint32_t timestamp, const ByteVector& body) {
    return publisher.on_media({MessageType::kAudio, timestamp, Bytes::copy_of(body), {}});
  }
  void meta_data(const char* name, const char* encoder) {
    ByteVector body;
    append_amf0(body, name);
    append_amf0(body, AmfValue(AmfObject{{"encoder", encoder}}));
    REQUIRE(publisher.on_media({MessageType::kDataAmf0, 0, Bytes::copy_of(body), {}}).has_value());
  }
  void picture(std::uint32_t timestamp = 0) {
    REQUIRE(video(timestamp, avc_configuration_tag(avcc_320x180())).has_value());
    REQUIRE(video(timestamp, avc_frame_tag(FrameKind::kKey, 0, h264_picture(FrameKind::kKey, 9)))
                .has_value());
  }
  double errors(ErrorCode code) {
    return metrics
        .counter("millrace_errors_total", "",
                 {{"stage", "rtmp"}, {"code", std::string(to_string(code))}})
        .value();
  }
};

}  // namespace

TEST_CASE("the gate is asked with the key and what is behind its question mark", "[rtmp]") {
  Fixture f;
  f.publish("key?user=a?b");
  REQUIRE(f.gate.requests.size() == 1);
  CHECK(f.gate.requests[0].protocol == "rtmp");
  CHECK(f.gate.requests[0].key == "key?user=a?b");
  CHECK(f.gate.requests[0].application == "live");
  CHECK(f.gate.requests[0].remote_address == "192.0.2.7:51423");
  CHECK(f.publisher.protocol() == "rtmp");
  CHECK(f.publisher.remote_address() == "192.0.2.7:51423");
}

TEST_CASE("an admitted publisher moves to its channel's loop, attaches there and begins",
          "[rtmp]") {
  Fixture f;
  f.publish();
  f.gate.reply(f.admission());
  CHECK(f.log.empty());  // Never inside on_publish(), in which a gate may reply.
  f.loop.poll();
  CHECK(f.log == "move\n");
  f.channel_loop.poll();
  CHECK(f.log == "move\nattach\naccept\n");
  CHECK(f.attached == &f.publisher);
  CHECK(
      f.metrics.counter("millrace_rtmp_received_bytes_total", "", {{"channel", "shop"}}).value() ==
      100);
}

TEST_CASE("a gate may reply from any thread", "[rtmp][threads]") {
  Fixture f;
  f.publish();
  std::thread([&] { f.gate.reply(f.admission()); }).join();
  CHECK(f.log.empty());
  f.poll();
  CHECK(f.log == "move\nattach\naccept\n");
}

TEST_CASE("a denied publisher is told of its key, one that fails is not told why", "[rtmp]") {
  Fixture f;
  f.publish();
  SECTION("a wrong key") {
    f.gate.reply(Error{ErrorCode::kDenied, "no channel has this key"});
    f.poll();
    CHECK(f.log ==
          "refuse NetStream.Publish.Denied, Invalid stream key: no channel has this key. "
          "(denied: no channel has this key)\n");
  }
  SECTION("too many channels") {
    f.gate.reply(Error{ErrorCode::kLimitExceeded, "there are 9 channels already"});
    f.poll();
    CHECK(f.log ==
          "refuse NetStream.Publish.Denied, The stream cannot be published now. "
          "(limit_exceeded: there are 9 channels already)\n");
  }
  SECTION("a channel that does not take it") {
    f.attach_error = Error{ErrorCode::kSystem, "no transcoder"};
    f.gate.reply(f.admission());
    f.poll();
    CHECK(f.log ==
          "move\nattach\nrefuse NetStream.Publish.Denied, The stream cannot be published now. "
          "(system: no transcoder)\n");
  }
  f.publisher.on_closed(ok());
  CHECK(f.log.find("finish") == std::string::npos);
}

TEST_CASE("a reply that comes after the connection's end is dropped", "[rtmp]") {
  Fixture f;
  f.publish();
  SECTION("closed") {
    f.connection->close();
    f.gate.reply(f.admission());
  }
  SECTION("gone before the reply") {
    f.connection.reset();
    f.gate.reply(f.admission());
  }
  SECTION("gone behind the reply") {
    f.gate.reply(Error{ErrorCode::kDenied, "no channel has this key"});
    f.connection.reset();
  }
  f.poll();
  CHECK(f.log.empty());
}

TEST_CASE("media becomes packets of the feed, announced before the first", "[rtmp]") {
  Fixture f;
  f.go_on_air();
  f.meta_data("onMetaData", "OBS");
  f.meta_data("onMetaData", "a second time");
  f.picture(40);
  CHECK(f.log == "announce OBS\npush\n");
  REQUIRE(f.audio(50, aac_configuration_tag(aac_48000_stereo())).has_value());
  REQUIRE(f.audio(50, aac_frame_tag(ByteVector{1})).has_value());
  REQUIRE(f.packets.size() == 2);
  CHECK(f.packets[0].track->kind == millrace::MediaKind::kVideo);
  CHECK(f.packets[0].dts == std::chrono::milliseconds(40));
  CHECK(f.packets[1].track->kind == millrace::MediaKind::kAudio);
  CHECK(f.packets[1].dts == std::chrono::milliseconds(50));
}

TEST_CASE("media without a word before it is announced as unknown", "[rtmp]") {
  Fixture f;
  f.go_on_air();
  f.meta_data("onTextData", "none of ours");
  f.picture();
  f.meta_data("onMetaData", "too late");
  CHECK(f.log == "announce \npush\n");
}

TEST_CASE("media that cannot be taken, or is not, ends the publisher with its error", "[rtmp]") {
  Fixture f;
  f.go_on_air();
  const auto vp6 = f.video(0, {0x14, 1, 2});
  REQUIRE_FALSE(vp6.has_value());
  CHECK(vp6.error().message == "flv: VP6 video is not supported");
  CHECK(f.log.empty());

  f.push_error = Error{ErrorCode::kInvalidData, "the channel's"};
  REQUIRE(f.video(0, avc_configuration_tag(avcc_320x180())).has_value());
  const auto status =
      f.video(0, avc_frame_tag(FrameKind::kKey, 0, h264_picture(FrameKind::kKey, 9)));
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message == "the channel's");
}

TEST_CASE("a publisher's end finishes its feed once", "[rtmp]") {
  Fixture f;
  f.go_on_air();
  SECTION("by the encoder") {
    f.publisher.on_unpublish();
    CHECK(f.log == "unpublish\nfinish\n");
    CHECK(f.video(0, {0x14}).has_value());  // Passed over.
    f.publisher.on_closed(ok());
    CHECK(f.log == "unpublish\nfinish\n");
  }
  SECTION("by a lost connection") {
    f.publisher.on_closed(Error{ErrorCode::kClosed, "connection lost"});
    CHECK(f.log == "finish\n");
  }
}

TEST_CASE("a channel that does not finish is a counted error", "[rtmp]") {
  Fixture f;
  f.go_on_air();
  f.finish_error = Error{ErrorCode::kSystem, "disk full"};
  f.publisher.on_unpublish();
  CHECK(f.errors(ErrorCode::kSystem) == 1);
}

TEST_CASE("a publisher that its channel stops is told why, and finishes when it is closed",
          "[rtmp]") {
  Fixture f;
  f.go_on_air();
  f.attached->stop("Another publisher took over.");
  CHECK(f.log ==
        "end NetStream.Publish.Denied, Another publisher took over. "
        "(closed: Another publisher took over.)\n");
  f.publisher.on_closed(Error{ErrorCode::kClosed, "Another publisher took over."});
  CHECK(f.log.ends_with("\nfinish\n"));
}

TEST_CASE("a second publish on a connection asks the gate anew and begins anew", "[rtmp]") {
  Fixture f;
  f.go_on_air();
  f.meta_data("onMetaData", "first");
  f.picture();
  f.publisher.on_unpublish();
  f.log.clear();
  f.publish("other");
  REQUIRE(f.gate.requests.size() == 2);
  CHECK(f.gate.requests[1].key == "other");
  f.gate.reply(f.admission());
  f.poll();
  f.log.clear();
  // Neither the first one's track nor its announcement is left.
  REQUIRE(
      f.video(0, avc_frame_tag(FrameKind::kKey, 0, h264_picture(FrameKind::kKey, 9))).has_value());
  CHECK(f.log.empty());
  f.meta_data("onMetaData", "second");
  f.picture();
  CHECK(f.log == "announce second\npush\n");
}
