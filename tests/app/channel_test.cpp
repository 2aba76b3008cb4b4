#include "app/channel.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "app/channels.h"
#include "base/log.h"
#include "media/codec_configuration.h"
#include "tests/support/closed_authority.h"
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
  std::map<std::string, Window> older;
  Sink<CmafChunk>& promised(std::string_view rendition) override {
    return older[std::string(rendition)];
  }
  void renditions_complete() override {}
  void set_holding(bool) override {}
  void refuse(std::string_view, bool) override {}
  void declare_closed_captions() override { ++captions; }
  void promise_target_duration(MediaTime promised) override { target = promised; }
  void open_segment(SegmentNumber number, MediaTime, bool) override { segments.push_back(number); }
  void end() override { ++ends; }
  void interrupt() override {}
  hls::ChannelStatus status() const override { return {}; }
  std::chrono::steady_clock::time_point requested_at{};
  std::chrono::steady_clock::time_point last_request() const override { return requested_at; }
  std::function<void()> awaited;
  void on_awaited(std::function<void()> handler) override { awaited = std::move(handler); }
  std::map<std::string, hls::Demand> demands;
  hls::Demand demand(std::string_view rendition) const override {
    const auto found = demands.find(std::string(rendition));
    return found == demands.end() ? hls::Demand() : found->second;
  }
};

struct FakeOrigin final : hls::Origin {
  std::map<std::string, std::shared_ptr<FakeOutput>> channels;
  std::uint64_t discontinuity_sequence = 0;

  std::shared_ptr<hls::Channel> add_channel(const std::string& name, std::uint64_t first) override {
    discontinuity_sequence = first;
    return channels[name] = std::make_shared<FakeOutput>();
  }
  void handle(std::shared_ptr<net::HttpExchange>) override {}
  void interrupt() override {}
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
  std::unique_ptr<transcode::Capacity> capacity = transcode::create_capacity({}, metrics);
  std::unique_ptr<transcode::Devices> devices =
      transcode::create_devices(transcode::DevicePolicy::kCpu, metrics, clock);
  ChannelContext context{config, clock, metrics, *state, origin, *capacity, *devices, {}, "", ""};
  test::ClosedAuthority authority;
  Channels channels{context, loops, authority};
  std::shared_ptr<const TrackInfo> video;
  FakePublisher publisher;

  Channel& channel(const std::string& name = "shop") {
    auto found = channels.find_or_create(name);
    REQUIRE(found.has_value());
    return *found.value();
  }
  std::unique_ptr<ingest::Feed> attach(ingest::Publisher& who) { return channel().attach(who); }
  /// A timer of no length is due within some polls.
  void poll_until_ended() {
    for (int i = 0; i < 1000 && output().ends == 0; ++i) loops.loop(0).poll();
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
  auto feed = f.attach(f.publisher);
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
  auto first = f.attach(f.publisher);
  f.publish(*first, 3);
  FakePublisher phone;
  auto second = f.attach(phone);
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
  auto feed = f.attach(f.publisher);
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
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  CHECK(f.output().segments.front() == expected);
  CHECK(f.origin.discontinuity_sequence == expected / 7200);
}

TEST_CASE("a publisher that says goodbye ends the show, one that vanishes does not", "[channel]") {
  Fixture f;
  const bool ends_on_it = GENERATE(true, false);
  f.config.channels["shop"].end_on_unpublish = ends_on_it;
  const bool says_goodbye = GENERATE(true, false);
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  if (says_goodbye) feed->unpublish();
  REQUIRE(feed->finish().has_value());
  f.poll_until_ended();
  CHECK(f.output().ends == (says_goodbye && ends_on_it ? 1 : 0));
}

TEST_CASE("without takeover a second publisher is refused while the first one sends", "[channel]") {
  Fixture f;
  f.config.channels["shop"].takeover = false;
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  FakePublisher second;
  f.clock.advance(1s);
  const auto refused = f.channel().check_takeover();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kDenied);
  CHECK(f.publisher.stopped.empty());
  f.clock.advance(3s);  // The first one's network is gone; its socket does not know yet.
  CHECK(f.channel().check_takeover().has_value());
  const auto next = f.attach(second);
  CHECK_FALSE(f.publisher.stopped.empty());
}

namespace {

/// A channel of sound alone, which is filled without a worker.
struct SoundFixture : Fixture {
  SoundFixture() {
    config.transcode.enabled = true;
    TrackInfo track;
    track.kind = MediaKind::kAudio;
    track.codec = Codec::kAac;
    track.audio = {.sample_rate = 48'000, .channels = 2, .samples_per_frame = 1024};
    sound = std::make_shared<const TrackInfo>(track);
  }
  void play(ingest::Feed& feed, int seconds) {
    ingest::Announcement announcement;
    announcement.has_video = false;
    feed.announce(announcement);
    for (int i = 0; i < seconds * 48'000 / 1024; ++i) {
      const auto time = from_ticks(i * 1024, 48'000);
      REQUIRE(feed.push({.track = sound,
                         .payload = Bytes::copy_of("sound"),
                         .dts = time,
                         .pts = time,
                         .is_key_frame = true,
                         .received_at = clock.steady_now()})
                  .has_value());
      clock.advance(21'333'333ns);
    }
  }
  /// A tenth of a second at a time.
  void wait(std::chrono::milliseconds time, bool is_watched = true) {
    for (auto passed = 0ms; passed < time; passed += 100ms) {
      clock.advance(100ms);
      if (is_watched) output().requested_at = clock.steady_now();
      channel().tick();
    }
  }
  MediaTime end() {
    const auto& newest = output().windows["audio"].chunks.back();
    return newest.start + newest.duration;
  }
  std::shared_ptr<const TrackInfo> sound;
};

}  // namespace

TEST_CASE("further tracks of a source are renditions of their own", "[channel]") {
  SoundFixture f;
  const auto with_index = [](const TrackInfo& track, int index) {
    TrackInfo other = track;
    other.index = index;
    return std::make_shared<const TrackInfo>(other);
  };
  TrackInfo larger = *f.video;
  larger.video.width = 640;
  larger.video.height = 360;
  // Both of one size, the second one's name has its number.
  const std::vector<std::shared_ptr<const TrackInfo>> pictures = {
      with_index(larger, 0), with_index(*f.video, 1), with_index(*f.video, 2)};
  const std::vector<std::shared_ptr<const TrackInfo>> sounds = {f.sound, with_index(*f.sound, 1)};
  auto feed = f.attach(f.publisher);
  feed->announce({});
  const auto push = [&](const std::shared_ptr<const TrackInfo>& track, MediaTime time,
                        bool is_key) {
    const std::uint8_t slice[] = {0, 0, 0, 2, static_cast<std::uint8_t>(is_key ? 0x65 : 0x41), 0};
    REQUIRE(feed->push({.track = track,
                        .payload = Bytes::copy_of(slice),
                        .dts = time,
                        .pts = time,
                        .is_key_frame = is_key,
                        .received_at = f.clock.steady_now()})
                .has_value());
  };
  for (int i = 0; i < 150; ++i) {
    const auto time = std::chrono::milliseconds(i * 1000 / 30);
    for (const auto& track : pictures) push(track, time, i % 60 == 0);
    for (const auto& track : sounds) push(track, from_ticks(i * 1024, 48'000), true);
    f.clock.advance(33ms);
  }
  std::vector<std::string> names;
  for (const auto& [name, window] : f.output().windows) {
    CAPTURE(name);
    CHECK_FALSE(window.chunks.empty());
    names.push_back(name);
  }
  // No rung is encoded beside the ready-made ones.
  CHECK(names == std::vector<std::string>{"180p", "180p-3", "audio", "audio-2", "source"});
}

TEST_CASE("a publisher whose source does not qualify is stopped before anything of it is on air",
          "[channel]") {
  Fixture f;
  transcode::RungTemplate source{.name = "source", .passthrough = true};
  source.limits.height = 90;
  source.otherwise = transcode::Otherwise::kRefuse;
  f.config.ladder["default"] = {source};
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  CHECK(f.publisher.stopped.starts_with("The picture of 320x180 is too large"));
  CHECK(f.output().segments.empty());
  CHECK(f.output().windows.empty());
  REQUIRE(feed->finish().has_value());
  f.config.ladder["default"][0].limits.height = 180;
  FakePublisher second;
  auto better = f.attach(second);
  f.publish(*better, 3);
  CHECK(second.stopped.empty());
  CHECK_FALSE(f.output().windows["source"].chunks.empty());
}

TEST_CASE("a publisher found not to qualify while it is live is stopped then", "[channel]") {
  Fixture f;
  transcode::RungTemplate source{.name = "source", .passthrough = true};
  source.limits.key_frame_interval = 1s;
  source.otherwise = transcode::Otherwise::kRefuse;
  f.config.ladder["default"] = {source};
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  CHECK(f.publisher.stopped.empty());
  f.channel().tick();
  CHECK(f.publisher.stopped.starts_with("A key frame comes every 2.0 s"));
  const auto parts = f.output().windows["source"].chunks.size();
  f.publish(*feed, 1);
  CHECK(f.output().windows["source"].chunks.size() == parts);
}

TEST_CASE("what does not qualify is not passed through where it is to be encoded", "[channel]") {
  Fixture f;
  f.config.transcode.enabled = true;
  f.config.transcode.encode = transcode::RungMode::kOff;
  transcode::RungTemplate source{.name = "source", .passthrough = true};
  source.bits_per_second = 500'000;
  source.limits.codecs = {Codec::kHevc};
  source.otherwise = transcode::Otherwise::kEncode;
  f.config.ladder["default"] = {source};
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  CHECK(f.publisher.stopped.empty());
  // There is no worker here, so that nothing comes of it; the rendition is there.
  REQUIRE(f.output().windows.contains("source"));
  CHECK(f.output().windows["source"].chunks.empty());
  REQUIRE(feed->finish().has_value());
  f.config.ladder["default"][0].limits.codecs = {Codec::kH264};
  auto again = f.attach(f.publisher);
  f.publish(*again, 3);
  CHECK_FALSE(f.output().windows["source"].chunks.empty());
}

TEST_CASE("ready-made rungs of a source that does not qualify are left out", "[channel]") {
  Fixture f;
  const bool qualifies = GENERATE(true, false);
  f.config.transcode.enabled = true;
  transcode::RungTemplate source{.name = "source", .passthrough = true};
  source.bits_per_second = 500'000;
  source.limits.codecs = {qualifies ? Codec::kH264 : Codec::kHevc};
  source.otherwise = transcode::Otherwise::kEncode;
  f.config.ladder["default"] = {source, {.name = "90p", .height = 90, .bits_per_second = 90'000}};
  TrackInfo further = *f.video;
  further.index = 1;
  const auto rung = std::make_shared<const TrackInfo>(further);
  auto feed = f.attach(f.publisher);
  ingest::Announcement announcement;
  announcement.has_audio = false;
  feed->announce(announcement);
  for (int i = 0; i < 90; ++i) {
    const std::uint8_t slice[] = {0, 0, 0, 2, static_cast<std::uint8_t>(i % 60 ? 0x41 : 0x65), 0};
    for (const auto& track : {f.video, rung})
      REQUIRE(feed->push({.track = track,
                          .payload = Bytes::copy_of(slice),
                          .dts = std::chrono::milliseconds(i * 1000 / 30),
                          .pts = std::chrono::milliseconds(i * 1000 / 30),
                          .is_key_frame = i % 60 == 0,
                          .received_at = f.clock.steady_now()})
                  .has_value());
    f.clock.advance(33'333'333ns);
  }
  std::vector<std::string> names;
  for (const auto& [name, window] : f.output().windows) names.push_back(name);
  CHECK(names == (qualifies ? std::vector<std::string>{"180p", "source"}
                            : std::vector<std::string>{"90p", "source"}));
}

TEST_CASE("a channel whose source is away goes on while somebody watches", "[channel][hold]") {
  SoundFixture f;
  auto feed = f.attach(f.publisher);
  f.play(*feed, 5);
  const bool is_gone = GENERATE(true, false);  // Or stands and sends nothing.
  CAPTURE(is_gone);
  if (is_gone) REQUIRE(feed->finish().has_value());
  f.wait(900ms);
  CHECK_FALSE(f.channel().status().is_holding);
  f.wait(5000ms);
  CHECK(f.channel().status().is_holding);
  CHECK(f.clock.wall_now() - f.end() < 600ms);
  auto second = f.attach(f.publisher);
  f.play(*second, 3);
  CHECK_FALSE(f.channel().status().is_holding);
  const auto& chunks = f.output().windows["audio"].chunks;
  int discontinuities = 0;
  for (std::size_t i = 1; i < chunks.size(); ++i) {
    REQUIRE(chunks[i].start - (chunks[i - 1].start + chunks[i - 1].duration) < 50ms);
    discontinuities += chunks[i].starts_discontinuity ? 1 : 0;
  }
  CHECK(discontinuities == 2);
}

TEST_CASE("a publisher that takes over and sends nothing is held for", "[channel][hold]") {
  SoundFixture f;
  auto first = f.attach(f.publisher);
  f.play(*first, 5);
  FakePublisher next;
  auto second = f.attach(next);
  second->announce({});
  const MediaTime before = f.end();
  f.wait(3000ms);
  CHECK(f.end() - before > 1500ms);
}

TEST_CASE("nothing is held for nobody, nor where the operator does not want it",
          "[channel][hold]") {
  SoundFixture f;
  const bool is_wanted = GENERATE(true, false);
  f.config.channels["shop"].hold = is_wanted ? HoldMode::kPicture : HoldMode::kNone;
  auto feed = f.attach(f.publisher);
  f.play(*feed, 5);
  REQUIRE(feed->finish().has_value());
  const auto parts = f.output().windows["audio"].chunks.size();
  f.wait(5000ms, /*is_watched=*/!is_wanted);
  CHECK(f.output().windows["audio"].chunks.size() == parts);
  CHECK_FALSE(f.channel().status().is_holding);
}

TEST_CASE("a show whose source does not come back ends with what was held", "[channel][hold]") {
  SoundFixture f;
  f.config.channels["shop"].grace = 0ms;
  auto feed = f.attach(f.publisher);
  f.play(*feed, 5);
  f.wait(3000ms);
  CHECK(f.channel().status().is_holding);
  REQUIRE(feed->finish().has_value());
  f.poll_until_ended();
  CHECK(f.output().ends == 1);
  CHECK_FALSE(f.channel().status().is_holding);
  const auto parts = f.output().windows["audio"].chunks.size();
  f.wait(3000ms);
  CHECK(f.output().windows["audio"].chunks.size() == parts);
}

TEST_CASE("where a ladder has no rung for the source nothing is held", "[channel][hold]") {
  SoundFixture f;
  f.config.ladder["default"] = {{.name = "720p", .height = 720, .bits_per_second = 900'000}};
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 5);
  f.wait(5000ms);
  CHECK(f.output().ends == 0);
}

TEST_CASE("a source that changes its sizes for ever has a bounded number of renditions",
          "[channel]") {
  SoundFixture f;
  auto feed = f.attach(f.publisher);
  ingest::Announcement announcement;
  announcement.has_audio = false;
  feed->announce(announcement);
  std::int64_t frame = 0;
  for (int height = 100; height < 200; ++height) {
    TrackInfo further = *f.video;
    further.index = 1;
    further.video.width = further.video.height = height;
    further.codec_configuration = Bytes::copy_of(std::to_string(height));
    const auto rung = std::make_shared<const TrackInfo>(further);
    for (int i = 0; i < 40; ++i, ++frame) {
      const std::uint8_t slice[] = {0, 0, 0, 2, static_cast<std::uint8_t>(i ? 0x41 : 0x65), 0};
      for (const auto& track : {f.video, rung})
        REQUIRE(feed->push({.track = track,
                            .payload = Bytes::copy_of(slice),
                            .dts = std::chrono::milliseconds(frame * 1000 / 30),
                            .pts = std::chrono::milliseconds(frame * 1000 / 30),
                            .is_key_frame = i == 0,
                            .received_at = f.clock.steady_now()})
                    .has_value());
      f.clock.advance(33'333'333ns);
    }
  }
  CHECK(f.output().windows.size() > 10);
  CHECK(f.output().windows.size() <= 66);
}

TEST_CASE("a publisher that changes its parameters all the time is cut off; what it sent is shown",
          "[channel]") {
  Fixture f;
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 5);
  const auto parts = f.output().windows["source"].chunks.size();
  REQUIRE(parts > 0);
  TrackInfo other = *f.video;
  other.video.height = 182;
  const auto tracks = {f.video, std::make_shared<const TrackInfo>(other)};
  int pushed = 0;
  for (; pushed < 200 && f.publisher.stopped.empty(); ++pushed) {
    const std::uint8_t slice[] = {0, 0, 0, 2, 0x65, 0};
    REQUIRE(feed->push({.track = *(tracks.begin() + (pushed + 1) % 2),
                        .payload = Bytes::copy_of(slice),
                        .dts = 5s + pushed * 40ms,
                        .pts = 5s + pushed * 40ms,
                        .is_key_frame = true,
                        .received_at = f.clock.steady_now()})
                .has_value());
    f.clock.advance(40ms);
  }
  CHECK(pushed == 21);
  CHECK(f.publisher.stopped ==
        "The parameters of the stream change all the time: 20 changes in 10 s are allowed.");
  CHECK(f.output().windows["source"].chunks.size() >= parts);
  CHECK(f.output().ends == 0);
  // Another one, who does not, is welcome.
  REQUIRE(feed->finish().has_value());
  FakePublisher next;
  auto feed_of_next = f.attach(next);
  f.publish(*feed_of_next, 5);
  CHECK(next.stopped.empty());
  CHECK(f.output().windows["source"].chunks.size() > parts + 10);
}

TEST_CASE("a publisher whose times jump all the time is cut off", "[channel]") {
  Fixture f;
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  for (int i = 0; i < 1000 && f.publisher.stopped.empty(); ++i) {
    const std::uint8_t slice[] = {0, 0, 0, 2, 0x65, 0};
    const auto time = std::chrono::seconds(10 + i / 20 * 10) + i * 33'333'333ns;
    REQUIRE(feed->push({.track = f.video,
                        .payload = Bytes::copy_of(slice),
                        .dts = time,
                        .pts = time,
                        .is_key_frame = true,
                        .received_at = f.clock.steady_now()})
                .has_value());
    f.clock.advance(1ms);
  }
  CHECK(f.publisher.stopped ==
        "The stream begins anew all the time, as its parameters or times change: 20 times in 10 s "
        "are allowed.");
}

TEST_CASE("closing a channel ends its playlists only where a stop is to end the shows",
          "[channel]") {
  const bool ends = GENERATE(true, false);
  Fixture f;
  f.config.limits.end_on_stop = ends;
  auto feed = f.attach(f.publisher);
  f.publish(*feed, 3);
  f.channel().close();
  CHECK(f.output().ends == (ends ? 1 : 0));
  CHECK_FALSE(feed->push(packet_of(f.video)).has_value());
}
