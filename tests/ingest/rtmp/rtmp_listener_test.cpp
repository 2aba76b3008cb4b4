#include "ingest/ingest.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/support/flv_tags.h"
#include "tests/support/rtmp_sender.h"

using namespace millrace::test;
using namespace millrace::ingest;
using millrace::Error;
using millrace::ErrorCode;
using millrace::Result;

namespace {

constexpr std::chrono::seconds kDeadline{20};
// A connection that says nothing is closed after five seconds anyway.
constexpr int kBelowDefaultsMs = 4'000;

/// What the feeds of all publishers got. Any thread.
class Record {
 public:
  void add(const std::string& line) {
    const std::scoped_lock lock(mutex_);
    lines_.push_back(line);
    changed_.notify_all();
  }
  /// The lines once there are so many; fewer past the deadline.
  std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kDeadline, [&] { return lines_.size() >= count; });
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

class RecordingFeed final : public Feed {
 public:
  RecordingFeed(Record& record, millrace::net::EventLoop& loop) : record_(record), loop_(loop) {}
  void unpublish() override {}
  void announce(const Announcement& announcement) override {
    add("announce " + announcement.encoder);
  }
  millrace::Status push(SourcePacket packet) override {
    add(std::string("push ") + to_string(packet.track->codec) + " " +
        std::to_string(packet.payload.size()));
    return millrace::ok();
  }
  millrace::Status finish() override {
    add("finish");
    return millrace::ok();
  }

 private:
  void add(const std::string& line) {
    record_.add(loop_.is_current() ? line : line + " on another loop");
  }

  Record& record_;
  millrace::net::EventLoop& loop_;
};

/// Two loops; "shop" is the one key, and its channel is on the second.
struct Fixture final : Gate {
  explicit Fixture(RtmpOptions options = {}) {
    options.listen = {"127.0.0.1:0"};
    auto created = create_rtmp_listener(std::move(options), loops, *this, metrics, clock);
    REQUIRE(created.has_value());
    listener = std::move(created).value();
    loops.start();
  }
  ~Fixture() override {
    listener.reset();
    loops.stop_and_join();
  }

  void admit(PublishRequest request, std::function<void(Result<Admission>)> reply) override {
    if (request.key != "shop") {
      reply(Error{ErrorCode::kDenied, "no channel has this key"});
      return;
    }
    auto& loop = loops.loop(1);
    reply(Admission{.channel = "shop",
                    .loop = &loop,
                    .attach = [this, &loop](Publisher&) -> Result<std::unique_ptr<Feed>> {
                      return std::make_unique<RecordingFeed>(record, loop);
                    }});
  }
  std::uint16_t port() const {
    const auto address = listener->addresses().front();
    return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }

  millrace::SystemClock clock;
  millrace::Metrics metrics;
  Record record;
  millrace::net::EventLoopGroup loops{2};
  std::unique_ptr<Listener> listener;
};

}  // namespace

TEST_CASE("what an RTMP encoder sends reaches its channel, on the channel's loop",
          "[rtmp][threads]") {
  Fixture f;
  for (int i = 0; i < 4; ++i) {  // Connections begin on either loop.
    RtmpSender sender(f.port());
    REQUIRE(sender.publish("live", "shop") == "NetStream.Publish.Start");
    sender.client().meta_data({{"encoder", "test"}});
    sender.client().video(0, avc_configuration_tag(avcc_320x180()));
    sender.client().audio(0, aac_configuration_tag(aac_48000_stereo()));
    sender.client().video(0,
                          avc_frame_tag(FrameKind::kKey, 0, h264_picture(FrameKind::kKey, 50'000)));
    sender.client().audio(5, aac_frame_tag(ByteVector(300, 1)));
    sender.client().unpublish("shop");
    REQUIRE(sender.flush());
    CHECK(sender.wait_status() == "NetStream.Unpublish.Success");
  }
  const std::vector<std::string> expected{"announce test", "push h264 50004", "push aac 300",
                                          "finish"};
  const auto lines = f.record.wait(16);
  REQUIRE(lines.size() == 16);
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i] == expected[i % 4]);
}

TEST_CASE("an encoder with a wrong key reads that it is wrong", "[rtmp]") {
  Fixture f;
  RtmpSender sender(f.port());
  CHECK(sender.publish("live", "shop2") == "NetStream.Publish.Denied");
  CHECK(sender.description() == "Invalid stream key: no channel has this key.");
  CHECK(sender.wait_closed());
}

TEST_CASE("the listener's options are the server's", "[rtmp]") {
  SECTION("the size of a message") {
    RtmpOptions options;
    options.max_message_bytes = 100'000;
    Fixture f(options);
    RtmpSender sender(f.port());
    REQUIRE(sender.publish("live", "shop") == "NetStream.Publish.Start");
    sender.client().video(0, ByteVector(100'001, 0x17));
    sender.flush();
    CHECK(sender.wait_status() == "NetStream.Publish.Rejected");
  }
  SECTION("the number of connections") {
    RtmpOptions options;
    if (GENERATE(false, true))
      options.max_connections = 1;
    else
      options.max_connections_per_address = 1;
    Fixture f(options);
    RtmpSender first(f.port());
    REQUIRE(first.publish("live", "shop") == "NetStream.Publish.Start");
    RtmpSender second(f.port());
    CHECK(second.wait_closed(kBelowDefaultsMs));
  }
  SECTION("the times that are waited") {
    RtmpOptions options;
    options.handshake_timeout = options.publish_timeout = options.idle_timeout =
        std::chrono::milliseconds(50);
    Fixture f(options);
    RtmpSender silent(f.port());
    CHECK(silent.wait_closed(kBelowDefaultsMs));
    RtmpSender idle(f.port());
    REQUIRE(idle.publish("live", "shop") == "NetStream.Publish.Start");
    CHECK(idle.wait_status() == "NetStream.Publish.Rejected");
  }
}

TEST_CASE("a listener that stops ends every publisher, and its feeds are finished", "[rtmp]") {
  Fixture f;
  RtmpSender sender(f.port());
  REQUIRE(sender.publish("live", "shop") == "NetStream.Publish.Start");
  const auto port = f.port();
  f.listener->stop();
  CHECK(sender.wait_closed());
  CHECK(f.record.wait(1) == std::vector<std::string>{"finish"});
  // One that is connected while the socket closes may learn of it only when it says something.
  RtmpSender late(port);
  late.client().handshake();
  CHECK_FALSE((late.is_connected() && late.flush() && !late.wait_closed()));
}

TEST_CASE("a port that another server has is an error that names the key", "[rtmp]") {
  Fixture f;
  RtmpOptions options;
  options.listen = f.listener->addresses();
  const auto second = create_rtmp_listener(options, f.loops, f, f.metrics, f.clock);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == ErrorCode::kSystem);
  CHECK(second.error().message.starts_with("rtmp.listen: "));
}
