// Shows that are longer than their protocols' timestamps (MPEG-TS's 33 bits of 90 kHz are 26.5
// hours, RTMP's 32 bits of milliseconds 49.7 days), from the publisher's timestamps to playlists
// and media, on a clock that the test moves on.
#include "app/channels.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "hls/hls.h"
#include "ingest/rtmp/timestamp_unwrapper.h"
#include "ingest/ts/ts_clock.h"
#include "media/codec_configuration.h"
#include "tests/support/closed_authority.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::app;

namespace {

// avcC of a 320x180 baseline picture; 48 kHz AAC-LC stereo.
constexpr std::uint8_t kAvcConfiguration[] = {
    0x01, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0x00, 0x17, 0x67, 0x42, 0xc0, 0x0d, 0xda,
    0x05, 0x06, 0x7e, 0x7c, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00,
    0x0f, 0x03, 0xc5, 0x0a, 0xa8, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8};
constexpr std::uint8_t kAacConfiguration[] = {0x11, 0x90};
constexpr int kSoundRate = 48'000;
constexpr int kSoundFrame = 1024;

/// A protocol's timestamps: what a publisher that has sent `elapsed` since `first` writes, read
/// back.
struct RtmpTimes {
  std::uint32_t first = 0;  // Milliseconds.
  ingest::TimestampUnwrapper unwrapper;
  MediaTime operator()(MediaTime elapsed) {
    return unwrapper.unwrap(first + static_cast<std::uint32_t>((elapsed + 500us) / 1ms));
  }
};
struct TsTimes {
  std::uint64_t first = 0;  // Ticks.
  ingest::TsClock clock;
  MediaTime operator()(MediaTime elapsed) {
    constexpr std::uint64_t kMask = (std::uint64_t{1} << 33) - 1;
    return clock.unwrap((first + static_cast<std::uint64_t>(to_ticks(elapsed, 90'000))) & kMask);
  }
};

struct FakePublisher final : ingest::Publisher {
  std::string stopped;
  void stop(std::string_view reason) override { stopped = reason; }
  std::string protocol() const override { return "test"; }
  std::string remote_address() const override { return "192.0.2.1:5"; }
};

/// A listed segment.
struct Listed {
  std::uint64_t number = 0;
  std::string uri;
  double date = 0;  ///< Seconds since the epoch.
};

struct Show {
  explicit Show(std::function<MediaTime(MediaTime)> its_times) : times(std::move(its_times)) {
    log::set_level(log::Level::kOff);
    config.transcode.enabled = false;
    config.channels["shop"].keys = {"s3cret"};
    video = track(parse_avc_configuration(Bytes::copy_of(kAvcConfiguration)));
    sound = track(parse_aac_configuration(Bytes::copy_of(kAacConfiguration)));
    feed = channels.find_or_create("shop").value()->attach(publisher);
  }
  ~Show() { log::set_level(log::Level::kInfo); }

  static std::shared_ptr<const TrackInfo> track(Result<TrackInfo> parsed) {
    REQUIRE(parsed.has_value());
    return std::make_shared<const TrackInfo>(std::move(parsed).value());
  }

  void announce(bool has_audio) {
    ingest::Announcement announcement;
    announcement.has_audio = has_audio;
    feed->announce(announcement);
    has_sound = has_audio;
  }
  /// Pictures, a key frame every two seconds, and sound where there is some.
  void go_on(std::chrono::seconds duration, int frames_per_second) {
    const auto end = pictures + duration / 1s * frames_per_second;
    for (; pictures < end; ++pictures) {
      const MediaTime at = from_ticks(pictures, static_cast<std::uint32_t>(frames_per_second));
      for (; has_sound && from_ticks(frames * kSoundFrame, kSoundRate) <= at; ++frames)
        push(sound, from_ticks(frames * kSoundFrame, kSoundRate), true);
      push(video, at, pictures % (2 * frames_per_second) == 0);
      clock.advance(begun_at + at - clock.wall_now());
      if (pictures % frames_per_second == 0) loops.loop(0).poll();
    }
  }
  void push(const std::shared_ptr<const TrackInfo>& of, MediaTime at, bool is_key) {
    const std::uint8_t slice[] = {0, 0, 0, 2, static_cast<std::uint8_t>(is_key ? 0x65 : 0x41), 0};
    const MediaTime time = times(at);
    REQUIRE(feed->push({.track = of,
                        .payload = Bytes::copy_of(slice),
                        .dts = time,
                        .pts = time,
                        .is_key_frame = is_key,
                        .received_at = clock.steady_now()})
                .has_value());
  }

  std::string get(const std::string& path) {
    const auto exchange = test::exchange_for(loops.loop(0), "/live/shop/" + path);
    origin->handle(exchange);
    CAPTURE(path);
    REQUIRE(exchange->answers == 1);
    REQUIRE(exchange->answer->status == 200);
    return test::body_of(*exchange->answer);
  }
  /// The oldest and the newest whole segment of a rendition.
  std::pair<Listed, Listed> listed(const std::string& rendition) {
    const std::string text = get(rendition + "/index.m3u8");
    CHECK(text.find("#EXT-X-DISCONTINUITY\n") == std::string::npos);
    CHECK(text.find("#EXT-X-GAP") == std::string::npos);
    std::istringstream lines(text);
    std::vector<Listed> found;
    std::uint64_t number = 0;
    double date = 0;
    for (std::string line; std::getline(lines, line);) {
      // There was none between two looks either.
      if (line.starts_with("#EXT-X-DISCONTINUITY-SEQUENCE:")) {
        if (!discontinuity_sequence) discontinuity_sequence = line;
        CHECK(line == *discontinuity_sequence);
      }
      if (line.starts_with("#EXT-X-MEDIA-SEQUENCE:")) number = std::stoull(line.substr(22));
      if (line.starts_with("#EXT-X-PROGRAM-DATE-TIME:")) date = seconds_of(line.substr(25));
      if (!line.empty() && line.front() != '#') found.push_back({number++, line, date});
    }
    REQUIRE(found.size() >= 6);
    return {found.front(), found.back()};
  }
  static double seconds_of(const std::string& date) {
    std::tm fields{};
    const char* const rest = strptime(date.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
    REQUIRE(rest != nullptr);
    return static_cast<double>(timegm(&fields)) + std::strtod(rest, nullptr);
  }
  /// baseMediaDecodeTime of a segment's first part.
  std::uint64_t decode_time(const std::string& rendition, const Listed& segment) {
    const std::string bytes = get(rendition + "/" + segment.uri);
    const auto box = bytes.find("tfdt");
    REQUIRE(box != std::string::npos);
    REQUIRE(bytes.at(box + 4) == 1);  // Its version: 64 bits.
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i)
      value = value << 8U | static_cast<std::uint8_t>(bytes.at(box + 8 + i));
    return value;
  }

  /// Numbers, dates and times of what is listed now are those of an unbroken show.
  void check() {
    const auto [oldest, newest] = listed("source");
    for (const Listed& segment : {oldest, newest}) {
      const std::uint64_t time = decode_time("source", segment);
      if (!first) first = {segment, time};
      const std::uint64_t passed = segment.number - first->first.number;
      CAPTURE(passed);
      // The source's timescale is exact, so nothing may add up.
      const std::uint64_t timescale =
          (decode_time("source", newest) - decode_time("source", oldest)) /
          (newest.number - oldest.number) / 2;
      CHECK(time - first->second == passed * 2 * timescale);
      CHECK(std::abs(segment.date - first->first.date - static_cast<double>(passed) * 2) < 0.0015);
      if (has_sound) check_sound(segment, passed);
    }
    // What is complete ends at the clock's time, less the picture that is not there yet.
    const double now = static_cast<double>(clock.wall_now() / 1ms) / 1000.0;
    CHECK(now - newest.date < 4.1);
    CHECK(now - newest.date > 1.9);
  }
  void check_sound(const Listed& picture, std::uint64_t passed) {
    const auto [oldest, newest] = listed("audio");
    const Listed& segment = picture.number == oldest.number ? oldest : newest;
    if (picture.number != segment.number) return;  // One of the two is not complete yet.
    const std::uint64_t time = decode_time("audio", segment);
    if (!first_sound) first_sound = {passed, time};
    CHECK(std::abs(segment.date - picture.date) < 0.025);
    // Whole frames, and no more than one away from the picture's boundary.
    const auto elapsed = static_cast<std::int64_t>(time - first_sound->second);
    CHECK(elapsed % kSoundFrame == 0);
    const auto expected = static_cast<std::int64_t>((passed - first_sound->first) * 2 * kSoundRate);
    CHECK(std::abs(elapsed - expected) <= kSoundFrame);
    ++sounds_checked;
  }
  std::function<MediaTime(MediaTime)> times;
  test::FakeClock clock;
  const MediaTime begun_at = clock.wall_now();
  Metrics metrics;
  Config config;
  net::EventLoopGroup loops{1};
  std::unique_ptr<hls::Origin> origin =
      hls::create_origin({.start_id = "s"}, loops, metrics, clock);
  std::unique_ptr<StateStore> state = std::move(StateStore::open("", metrics)).value();
  std::unique_ptr<transcode::Capacity> capacity = transcode::create_capacity({}, metrics);
  std::unique_ptr<transcode::Devices> devices =
      transcode::create_devices(transcode::DevicePolicy::kCpu, metrics, clock);
  ChannelContext context{config, clock, metrics, *state, *origin, *capacity, *devices, {}, "", ""};
  test::ClosedAuthority authority;
  Channels channels{context, loops, authority};
  std::shared_ptr<const TrackInfo> video, sound;
  FakePublisher publisher;
  std::unique_ptr<ingest::Feed> feed;
  bool has_sound = false;
  std::int64_t pictures = 0, frames = 0;
  std::optional<std::pair<Listed, std::uint64_t>> first;               ///< And its decode time.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> first_sound;  ///< Segments passed; time.
  std::optional<std::string> discontinuity_sequence;  ///< The line of the first playlist.
  int sounds_checked = 0;
};

constexpr std::uint32_t kRtmpWrap = 0;  // 2^32, as 32 bits have it.
constexpr std::uint64_t kTsWrap = std::uint64_t{1} << 33;

void run(Show& show, std::chrono::seconds duration, int frames_per_second,
         std::chrono::seconds between) {
  for (std::chrono::seconds done(0); done < duration; done += between) {
    show.go_on(between, frames_per_second);
    show.check();
  }
  CHECK(show.publisher.stopped.empty());
}

}  // namespace

TEST_CASE("an RTMP show goes on over the 49.7 days of its timestamps", "[long-show]") {
  Show show(RtmpTimes{.first = kRtmpWrap - 120'000, .unwrapper = {}});
  show.announce(true);
  run(show, 4min, 30, 20s);
  CHECK(show.sounds_checked > 0);
}

TEST_CASE("an MPEG-TS show goes on over the 26.5 hours of its timestamps", "[long-show]") {
  Show show(TsTimes{.first = kTsWrap - 120 * 90'000, .clock = {}});
  show.announce(true);
  run(show, 4min, 30, 20s);
  CHECK(show.sounds_checked > 0);
}

TEST_CASE("27 hours of MPEG-TS from the first to the last picture", "[long-show]") {
  Show show(TsTimes{});
  show.announce(false);
  run(show, 27h, 1, 10min);
}

TEST_CASE("50 days of RTMP from the first to the last picture", "[.long]") {
  Show show(RtmpTimes{});
  show.announce(false);
  run(show, 50 * 24h, 1, 1h);
}
