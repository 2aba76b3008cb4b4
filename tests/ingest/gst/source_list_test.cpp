#include "ingest/gst/source_list.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "net/srt/caller.h"

using namespace std::chrono_literals;
using namespace millrace::ingest;

namespace {

constexpr auto kEndless =
    "gst:videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=100/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast ! appsink name=video sync=false";
constexpr auto kBroken = "gst:filesrc location=/nonexistent ! appsink name=video";
constexpr PullTiming kQuick{.silence_timeout = 5s, .retry = 1ms, .longest_retry = 1ms};

/// What a channel sees of its sources, run on a loop until it has seen enough.
struct Channel final : PullTarget {
  millrace::Metrics metrics;
  millrace::SystemClock clock;
  millrace::net::EventLoop loop;
  millrace::net::srt::Callers callers{metrics, clock};
  std::string log;  // "attach announce … finish" of all publishers.
  bool has_publisher = false;
  bool is_done = false;
  Publisher* source = nullptr;
  std::function<void()> after_packet = [this] { is_done = true; };

  struct ChannelFeed final : Feed {
    explicit ChannelFeed(Channel& owner) : channel(owner) {}
    void unpublish() override {}
    void announce(const Announcement& said) override {
      channel.log += said.has_video && !said.has_audio ? " announce" : " wrong";
    }
    millrace::Status push(SourcePacket) override {
      channel.after_packet();
      return millrace::ok();
    }
    millrace::Status finish() override {
      channel.log += " finish";
      channel.source = nullptr;
      return millrace::ok();
    }
    Channel& channel;
  };

  bool is_taken() const override { return has_publisher; }
  std::unique_ptr<Feed> attach(Publisher& publisher) override {
    log += " attach";
    source = &publisher;
    return std::make_unique<ChannelFeed>(*this);
  }

  std::unique_ptr<PullSources> pull(std::vector<std::string> urls) {
    auto made = create_pull_sources({.channel = "test", .urls = std::move(urls), .timing = kQuick},
                                    loop, *this, callers, metrics, clock);
    REQUIRE(made.has_value());
    return std::move(made).value();
  }
  /// Until something sets is_done; the limit only ends a test that has failed.
  void run() {
    is_done = false;
    const auto limit = clock.steady_now() + 30s;
    while (!is_done && clock.steady_now() < limit) {
      loop.poll();
      std::this_thread::yield();
    }
    REQUIRE(is_done);
  }
  void end(std::unique_ptr<PullSources>& sources) {
    loop.post([&] { sources->stop([&] { is_done = true; }); });
    run();
    sources.reset();
  }
};

}  // namespace

TEST_CASE("a source goes on air with its media, and finishes when it is stopped", "[source_list]") {
  Channel channel;
  auto sources = channel.pull({kEndless});
  channel.run();
  CHECK(channel.log == " attach announce");
  CHECK(channel.source->protocol() == "pull");
  CHECK(channel.source->remote_address() == "gst:");
  channel.end(sources);
  CHECK(channel.log == " attach announce finish");
}

TEST_CASE("sources can be stopped before they have run at all", "[source_list]") {
  Channel channel;
  auto sources = channel.pull({kEndless});
  channel.end(sources);
  CHECK(channel.log.empty());
}

TEST_CASE("where the first source fails the next goes on air", "[source_list]") {
  Channel channel;
  auto sources = channel.pull({kBroken, kEndless});
  channel.run();
  CHECK(channel.log == " attach announce");
  CHECK(channel.metrics.text().find("millrace_pull_failures_total{channel=\"test\",source=\"0\""
                                    ",why=\"error\"}") != std::string::npos);
  channel.end(sources);
}

TEST_CASE("a source that the channel cuts off is tried again", "[source_list]") {
  Channel channel;
  auto sources = channel.pull({kEndless});
  channel.run();
  channel.source->stop("test: cut off");
  channel.after_packet = [&] {
    if (channel.log == " attach announce finish attach announce") channel.is_done = true;
  };
  channel.run();
  channel.end(sources);
}

TEST_CASE("sources give way to a publisher, and come back when it has gone", "[source_list]") {
  Channel channel;
  auto sources = channel.pull({kEndless});
  channel.run();
  channel.has_publisher = true;
  channel.source->stop("test: taken over");
  channel.after_packet = [] {};
  const auto rests = [&] {
    return channel.metrics.text().find("millrace_pull_state{channel=\"test\",source=\"0\"} 0") !=
           std::string::npos;
  };
  millrace::net::Timer look(channel.loop);
  std::function<void()> until_it_rests = [&] {
    if (rests()) channel.is_done = true;
    look.start(1ms, until_it_rests);
  };
  until_it_rests();
  channel.run();
  look.cancel();
  CHECK(channel.log == " attach announce finish");
  channel.has_publisher = false;
  channel.after_packet = [&] { channel.is_done = true; };
  channel.run();
  CHECK(channel.log == " attach announce finish attach announce");
  channel.end(sources);
}

TEST_CASE("a wrong source is refused before anything runs", "[source_list]") {
  Channel channel;
  const auto refused = [&](const char* url) {
    return create_pull_sources({.channel = "test", .urls = {url}, .timing = kQuick}, channel.loop,
                               channel, channel.callers, channel.metrics, channel.clock)
        .error();
  };
  CHECK(refused("gopher://x").code == millrace::ErrorCode::kInvalidData);
  const auto error = refused("gst:no-such-element location=sesame-open ! appsink name=video");
  CHECK(error.code == millrace::ErrorCode::kInvalidData);
  CHECK(error.message.find("sesame-open") == std::string::npos);
}
