#include "transcode/audio_converter.h"

#include <algorithm>

#include "media/opus.h"
#include "tests/transcode/sound.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

struct Fixture {
  AudioConverter converter;
  std::vector<EncodedPacket> out;

  explicit Fixture(Codec codec = Codec::kAac) : converter(codec, 160'000) {}
  void push(const EncodedPacket& packet) {
    REQUIRE(converter.push(packet, [this](EncodedPacket made) { out.push_back(std::move(made)); })
                .has_value());
  }
  void push(const std::vector<EncodedPacket>& packets) {
    for (const auto& packet : packets) push(packet);
  }
  void drain() {
    converter.drain([this](EncodedPacket made) { out.push_back(std::move(made)); });
  }
  void check_contiguous() const {
    for (std::size_t i = 1; i < out.size(); ++i)
      REQUIRE(std::chrono::abs(out[i].pts - out[i - 1].pts - out[i - 1].duration) <= 1ns);
  }
};

constexpr MediaTime kMiddleOfBurst = 100s + 900ms + 5ms;

}  // namespace

TEST_CASE("sound of any codec comes out as AAC, at the time that it had", "[audio]") {
  const auto [encoder, rate, channels, out_rate, out_channels] =
      GENERATE(table<std::string, int, int, int, int>({
          {"libopus", 48'000, 2, 48'000, 2},
          {"libopus", 48'000, 1, 48'000, 1},
          {"libopus", 48'000, 6, 48'000, 2},
          {"mp2", 48'000, 2, 48'000, 2},
          {"mp2", 44'100, 2, 44'100, 2},
          {"libmp3lame", 44'100, 2, 44'100, 2},
          {"libmp3lame", 48'000, 1, 48'000, 1},
          {"libmp3lame", 22'050, 1, 48'000, 1},
          {"ac3", 48'000, 2, 48'000, 2},
          {"ac3", 48'000, 6, 48'000, 2},
          {"ac3", 32'000, 2, 48'000, 2},
          {"aac", 48'000, 6, 48'000, 2},
      }));
  CAPTURE(encoder, rate, channels);
  Fixture f;
  f.push(test::make_sound({.encoder = encoder, .sample_rate = rate, .channels = channels}));
  f.drain();
  CHECK(f.converter.errors() == 0);
  f.check_contiguous();
  CHECK(f.out.front().track->codec == Codec::kAac);
  CHECK(f.out.front().track->audio == AudioParameters{out_rate, out_channels, 1024});
  const auto decoded = test::decode_sound(f.out);
  CHECK(decoded.sample_rate == out_rate);
  CHECK(decoded.channels == out_channels);
  CHECK(std::chrono::abs(decoded.burst() - kMiddleOfBurst) < 1ms);
}

TEST_CASE("sound of any codec comes out as Opus, at the time that it had", "[audio]") {
  const auto [encoder, rate, channels, out_channels] =
      GENERATE(table<std::string, int, int, int>({{"mp2", 48'000, 2, 2},
                                                  {"libmp3lame", 44'100, 1, 1},
                                                  {"ac3", 48'000, 6, 2},
                                                  {"libopus", 48'000, 6, 2}}));
  CAPTURE(encoder, rate, channels);
  Fixture f(Codec::kOpus);
  f.push(test::make_sound({.encoder = encoder, .sample_rate = rate, .channels = channels}));
  f.drain();
  CHECK(f.converter.errors() == 0);
  f.check_contiguous();
  const TrackInfo& track = *f.out.front().track;
  CHECK(track == opus_track(out_channels, 0).value());
  for (const auto& packet : f.out)
    CHECK(opus_samples(packet.payload.span()) == track.audio.samples_per_frame);
  CHECK(std::chrono::abs(test::decode_sound(f.out).burst() - kMiddleOfBurst) < 1ms);
}

TEST_CASE("converted sound comes as soon as its frame is whole", "[audio]") {
  // Its own frame of 20 ms, one that is not whole (of AAC 21.3 ms, of Opus 20), and what the
  // encoder looks at: another frame, or 6.5 ms.
  const auto [codec, longest] =
      GENERATE(table<Codec, std::size_t>({{Codec::kAac, 63}, {Codec::kOpus, 47}}));
  Fixture f(codec);
  const auto sound = test::make_sound({});
  std::size_t most = 0;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    f.push(sound[i]);
    if (f.out.empty()) continue;
    const MediaTime behind = sound[i].pts + 20ms - (f.out.back().pts + f.out.back().duration);
    most = std::max(most, static_cast<std::size_t>(behind / 1ms));
  }
  CHECK(most <= longest);
}

TEST_CASE("packets that cannot be decoded are left out, and the rest keeps its time", "[audio]") {
  Fixture f;
  auto sound = test::make_sound({.encoder = "mp2"});
  for (std::size_t i = 5; i < 8; ++i)
    sound[i].payload = Bytes::copy_of(std::string(sound[i].payload.size(), 'x'));
  sound[9].payload = Bytes();
  f.push(sound);
  f.drain();
  CHECK(f.converter.errors() >= 3);
  f.check_contiguous();
  CHECK(std::chrono::abs(test::decode_sound(f.out).burst() - kMiddleOfBurst) < 1ms);
}

TEST_CASE("a hole in the sound is silence, an overlap is cut", "[audio]") {
  const MediaTime step =
      GENERATE(MediaTime(-200ms), MediaTime(-30ms), MediaTime(50ms), MediaTime(700ms));
  const Codec codec = GENERATE(Codec::kAac, Codec::kOpus);
  CAPTURE(step.count(), to_string(codec));
  Fixture f(codec);
  auto sound = test::make_sound({});
  for (auto& packet : sound)
    if (packet.pts > 100s + 500ms) packet.pts += step;
  f.push(sound);
  f.drain();
  f.check_contiguous();
  CHECK(std::chrono::abs(test::decode_sound(f.out).burst() - (kMiddleOfBurst + step)) < 1ms);
}

TEST_CASE("a packet of sound that was lost is silence, the rest keeps its time", "[audio]") {
  Fixture f;
  auto sound = test::make_sound({.encoder = GENERATE("libopus", "mp2", "ac3")});
  sound.erase(sound.begin() + 10);
  f.push(sound);
  f.drain();
  f.check_contiguous();
  CHECK(std::chrono::abs(test::decode_sound(f.out).burst() - kMiddleOfBurst) < 1ms);
}

TEST_CASE("stamps rounded to milliseconds are no holes", "[audio]") {
  Fixture f;
  auto sound = test::make_sound({.encoder = "libmp3lame", .sample_rate = 44'100});
  for (auto& packet : sound) packet.pts = std::chrono::floor<std::chrono::milliseconds>(packet.pts);
  f.push(sound);
  f.drain();
  f.check_contiguous();
  CHECK(std::chrono::abs(test::decode_sound(f.out).burst() - kMiddleOfBurst) < 2ms);
}

TEST_CASE("a jump of the sound's times begins anew behind what came before", "[audio]") {
  const MediaTime jump = GENERATE(MediaTime(1h), MediaTime(-50s));
  Fixture f;
  auto sound = test::make_sound({});
  for (auto& packet : sound)
    if (packet.pts > 100s + 500ms) packet.pts += jump;
  f.push(sound);
  f.drain();
  const auto behind = std::find_if(f.out.begin(), f.out.end(), [&](const auto& packet) {
    return std::chrono::abs(packet.pts - (100s + jump)) < 5s;
  });
  REQUIRE(behind != f.out.end());
  const std::vector<EncodedPacket> later(behind, f.out.end());
  CHECK(std::chrono::abs(test::decode_sound(later).burst() - (kMiddleOfBurst + jump)) < 1ms);
  CHECK(later.front().track == f.out.front().track);
}

TEST_CASE("another track is decoded by its own parameters, in order", "[audio]") {
  Fixture f;
  f.push(test::make_sound({.encoder = "mp2", .channels = 2}));
  f.push(test::make_sound({.encoder = "libopus", .channels = 1, .start = 102s}));
  f.drain();
  CHECK(f.out.front().track->audio.channels == 2);
  CHECK(f.out.back().track->audio.channels == 1);
  for (std::size_t i = 1; i < f.out.size(); ++i) REQUIRE(f.out[i].pts > f.out[i - 1].pts - 50ms);
}

TEST_CASE("a track without a decoder is an error", "[audio]") {
  TrackInfo track;
  track.kind = MediaKind::kVideo;
  EncodedPacket packet;
  packet.track = std::make_shared<const TrackInfo>(track);
  AudioConverter converter(Codec::kAac, 160'000);
  const Status status = converter.push(packet, [](const EncodedPacket&) {});
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kUnsupported);
}
