#include "ingest/gst/pull_source.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace millrace::ingest;

namespace {

constexpr auto kOneSecond =
    "videotestsrc num-buffers=25 ! video/x-raw,width=320,height=180,framerate=25/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25"
    " ! appsink name=video sync=false"
    " audiotestsrc num-buffers=47 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2"
    " ! avenc_aac ! appsink name=audio sync=false";
constexpr auto kEndless =
    "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=100/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast ! appsink name=video sync=false";

/// What a channel sees of its publishers, run on a loop until it has seen enough.
struct Channel {
  millrace::Metrics metrics;
  millrace::net::EventLoop loop;
  std::string log;  // "attach announce … finish" of all publishers.
  std::vector<SourcePacket> packets;
  Announcement announcement;
  bool refuses_packets = false;
  bool refuses_publishers = false;
  std::function<void()> after_packet;
  std::function<void()> on_finish = [this] { loop.stop(); };
  std::function<void()> on_refusal;

  struct ChannelFeed final : Feed {
    explicit ChannelFeed(Channel& owner) : channel(owner) {}
    void announce(const Announcement& said) override {
      channel.log += " announce";
      channel.announcement = said;
    }
    millrace::Status push(SourcePacket packet) override {
      if (channel.refuses_packets)
        return millrace::Error{millrace::ErrorCode::kInvalidData, "test: refused"};
      channel.packets.push_back(std::move(packet));
      if (channel.after_packet) channel.after_packet();
      return millrace::ok();
    }
    millrace::Status finish() override {
      channel.log += " finish";
      channel.on_finish();
      return millrace::ok();
    }
    Channel& channel;
  };

  PullSource::Attach attach() {
    return [this](Publisher&) -> millrace::Result<std::unique_ptr<Feed>> {
      if (refuses_publishers) {
        on_refusal();
        return millrace::Error{millrace::ErrorCode::kDenied, "test: refused"};
      }
      log += " attach";
      return std::make_unique<ChannelFeed>(*this);
    };
  }

  std::unique_ptr<Publisher> pull(const char* pipeline) {
    auto source =
        create_pull_source({.pipeline = pipeline, .channel = "test"}, loop, attach(), metrics);
    REQUIRE(source.has_value());
    return std::move(source).value();
  }

  /// As create_pull_source() makes it, but that it comes back at once.
  std::shared_ptr<PullSource> impatient_pull(const char* pipeline,
                                             std::chrono::nanoseconds stall = 20s) {
    auto source = std::make_shared<PullSource>(
        PullOptions{.pipeline = pipeline, .channel = "test"},
        PullSource::Timing{.first_back_off = 1ns, .longest_back_off = 1ns, .stall = stall}, loop,
        attach(), metrics);
    REQUIRE(source->prepare().has_value());
    loop.post([source] { source->start(); });
    return source;
  }

  /// Until something calls loop.stop(); the limit only ends a test that has failed.
  void run() {
    millrace::net::Timer limit(loop);
    bool is_late = false;
    limit.start(30s, [&] {
      is_late = true;
      loop.stop();
    });
    loop.run();
    REQUIRE_FALSE(is_late);
  }

  double errors(const std::string& code) {
    return metrics
        .counter("millrace_errors_total",
                 "Input and network faults that ended one stream, connection or request.",
                 {{"stage", "ingest"}, {"code", code}})
        .value();
  }
};

}  // namespace

TEST_CASE("a pull source publishes its pipeline's media", "[pull_source]") {
  Channel channel;
  const auto source = channel.pull(kOneSecond);
  CHECK(source->protocol() == "pull");
  channel.run();
  CHECK(channel.log == " attach announce finish");
  CHECK(channel.announcement.has_video);
  CHECK(channel.announcement.has_audio);
  int frames = 0;
  int audio_bytes = 0;
  for (const auto& packet : channel.packets) {
    if (packet.track->kind == millrace::MediaKind::kVideo)
      ++frames;
    else
      audio_bytes += static_cast<int>(packet.payload.size());
  }
  CHECK(frames == 25);
  CHECK(audio_bytes > 0);
}

TEST_CASE("a pull source is not attached before it has media", "[pull_source]") {
  Channel channel;
  auto source = channel.pull(kEndless);
  source.reset();  // Before the loop has run at all.
  channel.loop.poll();
  CHECK(channel.log.empty());
}

TEST_CASE("a pipeline that ends is run again, as another publisher", "[pull_source]") {
  Channel channel;
  int shows = 0;
  channel.on_finish = [&] {
    if (++shows == 3) channel.loop.stop();
  };
  const auto source = channel.impatient_pull(kOneSecond);
  channel.run();
  source->shut_down();
  CHECK(channel.log == " attach announce finish attach announce finish attach announce finish");
  CHECK(channel.errors("closed") == 0);
}

TEST_CASE("a pipeline that fails is counted and run again", "[pull_source]") {
  Channel channel;
  auto restarts = channel.metrics.counter("millrace_pull_restarts_total",
                                          "Times that a pull source's pipeline was started again.",
                                          {{"channel", "test"}});
  const auto source = channel.impatient_pull("filesrc location=/nonexistent ! appsink name=video");
  millrace::net::Timer look(channel.loop);
  std::function<void()> until_third = [&] {
    if (restarts.value() >= 3) return channel.loop.stop();
    look.start(1ms, until_third);
  };
  until_third();
  channel.run();
  source->shut_down();
  CHECK(channel.errors("system") >= 2);
  CHECK(channel.log.empty());
}

TEST_CASE("a pipeline that delivers nothing is taken for dead", "[pull_source]") {
  Channel channel;
  // Its only frame would come after an hour.
  const auto source = channel.impatient_pull(
      "videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=1/3600"
      " ! x264enc tune=zerolatency ! appsink name=video",
      1ms);
  millrace::net::Timer look(channel.loop);
  std::function<void()> until_timed_out = [&] {
    if (channel.errors("timed_out") >= 1) return channel.loop.stop();
    look.start(1ms, until_timed_out);
  };
  until_timed_out();
  channel.run();
  source->shut_down();
}

TEST_CASE("a feed's refusal ends the run", "[pull_source]") {
  Channel channel;
  channel.refuses_packets = true;
  const auto source = channel.pull(kEndless);
  channel.run();
  CHECK(channel.log == " attach announce finish");
  CHECK(channel.errors("invalid_data") == 1);
}

TEST_CASE("a source that may not publish asks again", "[pull_source]") {
  Channel channel;
  channel.refuses_publishers = true;
  int refusals = 0;
  channel.on_refusal = [&] {
    if (++refusals == 2) channel.refuses_publishers = false;
  };
  channel.after_packet = [&] { channel.loop.stop(); };
  const auto source = channel.impatient_pull(kEndless);
  channel.run();
  source->shut_down();
  CHECK(refusals == 2);
  CHECK(channel.errors("denied") == 2);
  CHECK(channel.log == " attach announce finish");
}

TEST_CASE("a stopped pull source stays stopped", "[pull_source]") {
  Channel channel;
  std::unique_ptr<Publisher> source;
  channel.after_packet = [&] { source->stop("taken over"); };
  source = channel.pull(kEndless);
  channel.run();
  const auto restarts = channel.metrics.counter(
      "millrace_pull_restarts_total", "Times that a pull source's pipeline was started again.",
      {{"channel", "test"}});
  source.reset();
  CHECK(restarts.value() == 0);
  CHECK(channel.log == " attach announce finish");
  CHECK(channel.errors("closed") == 0);
}

TEST_CASE("a running pull source finishes its feed when it is destroyed", "[pull_source]") {
  Channel channel;
  channel.after_packet = [&] { channel.loop.stop(); };
  auto source = channel.pull(kEndless);
  channel.run();
  source.reset();
  CHECK(channel.log == " attach announce finish");
}

TEST_CASE("a channel may destroy its pull source when the feed finishes", "[pull_source]") {
  Channel channel;
  std::unique_ptr<Publisher> source;
  channel.on_finish = [&] {
    source.reset();
    channel.loop.stop();
  };
  source = channel.pull(kOneSecond);
  channel.run();
  CHECK(channel.log == " attach announce finish");
}
