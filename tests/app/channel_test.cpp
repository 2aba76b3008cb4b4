#include "app/channel.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "app/channels.h"
#include "base/log.h"
#include "media/codec_configuration.h"
#include "tests/support/fake_clock.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::app;

namespace {

/// What packagers push, by rendition, and what the channel says of its segments.
struct FakeOutput final : hls::Channel {
  struct Window final : Sink<CmafChunk> {
    std::vector<CmafChunk> chunks;
    Status push(CmafChunk chunk) override {
      chunks.push_back(std::move(chunk));
      return ok();
    }
    Status finish() override { return ok(); }
  };
  std::map<std::string, Window> windows;
  std::vector<SegmentNumber> segments;
  MediaTime target{};
  int ends = 0;
  int captions = 0;

  Sink<CmafChunk>& add_rendition(hls::RenditionOptions options) override {
    return windows[options.name];
  }
  void renditions_complete() override {}
  void declare_closed_captions() override { ++captions; }
  void promise_target_duration(MediaTime promised) override { target = promised; }
  void open_segment(SegmentNumber number, MediaTime, bool) override { segments.push_back(number); }
  void end() override { ++ends; }
  hls::ChannelStatus status() const override { return {}; }
};

struct FakeOrigin final : hls::Origin {
  std::map<std::string, std::shared_ptr<FakeOutput>> channels;
  std::uint64_t discontinuity_sequence = 0;

  std::shared_ptr<hls::Channel> add_channel(const std::string& name, std::uint64_t first) override {
    discontinuity_sequence = first;
    return channels[name] = std::make_shared<FakeOutput>();
  }
  void handle(std::shared_ptr<net::HttpExchange>) override {}
};

struct FakePublisher final : ingest::Publisher {
  std::string stopped;
  void stop(std::string_view reason) override { stopped = reason; }
  std::string protocol() const override { return "test"; }
  std::string remote_address() const override { return "192.0.2.1:5"; }
};

// avcC of a 320x180 baseline picture.
constexpr std::uint8_t kAvcConfiguration[] = {
    0x01, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0x00, 0x17, 0x67, 0x42, 0xc0, 0x0d, 0xda,
    0x05, 0x06, 0x7e, 0x7c, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00,
    0x0f, 0x03, 0xc5, 0x0a, 0xa8, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8};

ingest::SourcePacket packet_of(std::shared_ptr<const TrackInfo> track) {
  ingest::SourcePacket packet;
  packet.track = std::move(track);
  return packet;
}

struct Fixture {
  Fixture() {
    log::set_level(log::Level::kOff);
    auto track = parse_avc_configuration(Bytes::copy_of(kAvcConfiguration));
    REQUIRE(track.has_value());
    video = std::make_shared<const TrackInfo>(std::move(track).value());
  }
  ~Fixture() { log::set_level(log::Level::kInfo); }

  static Config configured() {
    Config config;
    config.transcode.enabled = false;
    config.channels["shop"].keys = {"s3cret"};
    return config;
  }

  test::FakeClock clock;
  Metrics metrics;
  Config config = configured();
  FakeOrigin origin;
  std::unique_ptr<StateStore> state = std::move(StateStore::open("", metrics)).value();
  net::EventLoopGroup loops{1};
  ChannelContext context{config, clock, metrics, *state, origin, ""};
  Channels channels{context, loops};
  std::shared_ptr<const TrackInfo> video;
  FakePublisher publisher;

  Channel& channel(const std::string& name = "shop") {
    auto found = channels.find_or_create(name);
    REQUIRE(found.has_value());
    return *found.value();
  }
  FakeOutput& output() { return *origin.channels.at("shop"); }

  /// `seconds` of 30 frames/s, a key frame each two seconds.
  void publish(ingest::Feed& feed, int seconds) {
    ingest::Announcement announcement;
    announcement.has_audio = false;
    feed.announce(announcement);
    for (int i = 0; i < seconds * 30; ++i) {
      const std::uint8_t slice[] = {0, 0, 0, 2, static_cast<std::uint8_t>(i % 60 ? 0x41 : 0x65), 0};
      const auto time = std::chrono::milliseconds(i * 1000 / 30);
      REQUIRE(feed.push({.track = video,
                         .payload = Bytes::copy_of(slice),
                         .dts = time,
                         .pts = time,
                         .is_key_frame = i % 60 == 0,
                         .received_at = clock.steady_now()})
                  .has_value());
      clock.advance(33'333'333ns);
    }
  }
};

}  // namespace

TEST_CASE("what a publisher sends comes out as the source rendition's parts", "[channel]") {
  Fixture f;
  auto feed = f.channel().attach(f.publisher);
  f.publish(*feed, 5);
  const auto& chunks = f.output().windows["source"].chunks;
  REQUIRE(chunks.size() >= 24);
  CHECK(f.output().target == 2s);
  CHECK(f.output().segments.size() == 3);
  CHECK(chunks.front().segment_number == f.output().segments.front());
  for (std::size_t i = 1; i < chunks.size(); ++i)
    CHECK(chunks[i].start == chunks[i - 1].start + chunks[i - 1].duration);
}

TEST_CASE("a publisher with the same key takes over, and the old one's packets are nobody's",
          "[channel]") {
  Fixture f;
  auto first = f.channel().attach(f.publisher);
  f.publish(*first, 3);
  FakePublisher phone;
  auto second = f.channel().attach(phone);
  CHECK_FALSE(f.publisher.stopped.empty());
  CHECK_FALSE(first->push(packet_of(f.video)).has_value());
  REQUIRE(first->finish().has_value());
  CHECK(f.channel().status().state == ChannelStatus::State::kLive);
  f.publish(*second, 3);
  const auto& numbers = f.output().segments;
  for (std::size_t i = 1; i < numbers.size(); ++i) CHECK(numbers[i] == numbers[i - 1] + 1);
  int discontinuities = 0;
  for (const auto& chunk : f.output().windows["source"].chunks)
    discontinuities += chunk.starts_discontinuity;
  CHECK(discontinuities == 1);
}

TEST_CASE("a channel outlives its publisher and says that it waits", "[channel]") {
  Fixture f;
  auto feed = f.channel().attach(f.publisher);
  f.publish(*feed, 3);
  const auto parts = f.output().windows["source"].chunks.size();
  f.clock.advance(1s);
  REQUIRE(feed->finish().has_value());
  CHECK(f.channel().status().state == ChannelStatus::State::kWaiting);
  CHECK(f.output().ends == 0);
  CHECK(f.output().windows["source"].chunks.size() >= parts);
}

TEST_CASE("the first number comes from the wall clock, and the discontinuities' by the hour",
          "[channel]") {
  Fixture f;
  const auto expected = ingest::segment_number_at(f.clock.wall_now());
  auto feed = f.channel().attach(f.publisher);
  f.publish(*feed, 3);
  CHECK(f.output().segments.front() == expected);
  CHECK(f.origin.discontinuity_sequence == expected / 7200);
}

TEST_CASE("closing a channel ends its playlists", "[channel]") {
  Fixture f;
  auto feed = f.channel().attach(f.publisher);
  f.publish(*feed, 3);
  f.channel().close();
  CHECK(f.output().ends == 1);
  CHECK_FALSE(feed->push(packet_of(f.video)).has_value());
}
