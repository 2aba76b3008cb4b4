#include "transcode/worker/protocol.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;
using namespace millrace::transcode::worker;

namespace {

constexpr std::size_t kHeaderBytes = 5;

Bytes body_of(const Bytes& frame) {
  return frame.slice(kHeaderBytes);
}

Configuration configuration() {
  return {.profile = Profile::kRealtime,
          .part_target = 200ms,
          .rungs = {{"720p", 1280, 720, 2'800'000},
                    {.name = "360p",
                     .width = 640,
                     .height = 360,
                     .bits_per_second = 700'000,
                     .codec = Codec::kHevc,
                     .every = 2,
                     .hdr = HdrMode::kKeep}},
          .starts = {{.after = 5s, .at_opener = false}, {}},
          .catch_up_until = 7s};
}

EncodedPacket packet() {
  EncodedPacket made;
  made.payload = Bytes::copy_of("a picture");
  made.pts = 1750000000s + 66666667ns;
  made.dts = 1750000000s;
  made.duration = 33333333ns;
  made.is_key_frame = true;
  made.follows_gap = true;
  made.opens_segment = 123456789;
  made.starts_discontinuity = true;
  made.received_at = std::chrono::steady_clock::time_point(12345s);
  return made;
}

Bytes whole_packet() {
  const Bytes head = write_packet_header({.rung = 1, .packets_taken = 9, .packet = packet()});
  return Bytes::copy_of(std::string(head.text()) + std::string(packet().payload.text()));
}

}  // namespace

TEST_CASE("every message arrives as it was sent", "[protocol]") {
  CHECK(read_configuration(body_of(write_configuration(configuration()))).value() ==
        configuration());
  CHECK(read_ready(body_of(write_ready())).has_value());
  CHECK(read_failure(body_of(write_failure("no decoder"))).value() == "no decoder");

  TrackInfo track;
  track.codec = Codec::kHevc;
  track.codec_configuration = Bytes::copy_of("hvcC");
  track.video = {.width = 1080,
                 .height = 1920,
                 .sample_aspect_ratio = {4, 3},
                 .frame_rate = {30000, 1001},
                 .longest_frame = 40ms,
                 .colour = {9, 16, 9, true},
                 .bit_depth = 10};
  const auto read_back = read_track(body_of(write_track(3, track)));
  REQUIRE(read_back.has_value());
  CHECK(read_back.value().rung == 3);
  CHECK(read_back.value().track == track);

  const Statistics statistics{.packets_taken = 1,
                              .frames_decoded = 2,
                              .decode_errors = 3,
                              .media = 4s,
                              .decode_busy = 5ms,
                              .cpu = 14ms,
                              .rungs = {{6, 7, 8, 9ms, 15ms}, {10, 11, 12, 13ms, 16ms}}};
  CHECK(read_statistics(body_of(write_statistics(statistics))).value() == statistics);
}

TEST_CASE("a packet keeps its times to the nanosecond and shares its payload", "[protocol]") {
  const Bytes body = body_of(whole_packet());
  const auto read = read_packet(body);
  REQUIRE(read.has_value());
  const EncodedPacket expected = packet(), &got = read.value().packet;
  CHECK(read.value().rung == 1);
  CHECK(read.value().packets_taken == 9);
  CHECK(got.pts == expected.pts);
  CHECK(got.dts == expected.dts);
  CHECK(got.duration == expected.duration);
  CHECK(got.is_key_frame);
  CHECK(got.follows_gap);
  CHECK(got.opens_segment == expected.opens_segment);
  CHECK(got.starts_discontinuity);
  CHECK(got.received_at == expected.received_at);
  CHECK(got.payload == expected.payload);
  CHECK(got.payload.data() == body.data() + body.size() - expected.payload.size());
}

TEST_CASE("frames come together from pieces of any size", "[protocol]") {
  std::string stream;
  for (int i = 0; i < 3; ++i)
    stream += std::string(write_ready().text()) + std::string(whole_packet().text());
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(stream.data()), stream.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{4}, std::size_t{7}, stream.size()}) {
    FrameReader reader;
    std::vector<MessageType> types;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      REQUIRE(reader
                  .append(bytes.subspan(at, std::min(step, bytes.size() - at)),
                          [&types](MessageType type, const Bytes&) {
                            types.push_back(type);
                            return ok();
                          })
                  .has_value());
    CHECK(types == std::vector{MessageType::kReady, MessageType::kPacket, MessageType::kReady,
                               MessageType::kPacket, MessageType::kReady, MessageType::kPacket});
  }
}

TEST_CASE("a frame that announces too much ends the reading before it is allocated", "[protocol]") {
  const std::uint8_t header[] = {0xff, 0xff, 0xff, 0x7f, 4};
  FrameReader reader;
  const auto status = reader.append(header, [](MessageType, const Bytes&) { return ok(); });
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kLimitExceeded);
}

TEST_CASE("a track of sound and what is to be made of it cross the wire", "[protocol]") {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kOpus;
  track.audio = {.sample_rate = 48'000, .channels = 6, .samples_per_frame = 960};
  track.codec_configuration = Bytes::copy_of("configuration");
  const auto read = read_track(body_of(write_track(0, track)));
  REQUIRE(read.has_value());
  CHECK(read.value().track == track);
  track.kind = MediaKind::kVideo;  // Its codec says else.
  CHECK_FALSE(read_track(body_of(write_track(0, track))).has_value());

  Configuration sound;
  sound.audio_bits_per_second = 160'000;
  sound.audio_codec = Codec::kOpus;
  const auto same = read_configuration(body_of(write_configuration(sound)));
  REQUIRE(same.has_value());
  CHECK(same.value() == sound);
  for (const std::int64_t wrong : {-1LL, 0LL, 7'999LL, 1'000'001LL}) {
    sound.audio_bits_per_second = wrong;
    CHECK_FALSE(read_configuration(body_of(write_configuration(sound))).has_value());
  }
  sound.audio_bits_per_second = 160'000;
  sound.audio_codec = Codec::kH264;
  CHECK_FALSE(read_configuration(body_of(write_configuration(sound))).has_value());
  Configuration both = configuration();
  both.audio_bits_per_second = 160'000;
  CHECK_FALSE(read_configuration(body_of(write_configuration(both))).has_value());
}

TEST_CASE("a body that is cut anywhere is invalid, not read past its end", "[protocol]") {
  const auto check_cut = [](const Bytes& frame, auto read) {
    const Bytes body = body_of(frame);
    for (std::size_t size = 0; size < body.size(); ++size)
      CHECK_FALSE(read(body.slice(0, size)).has_value());
    CHECK_FALSE(read(Bytes::copy_of(std::string(body.text()) + "x")).has_value());
  };
  check_cut(write_configuration(configuration()), read_configuration);
  check_cut(write_ready(), read_ready);
  check_cut(write_track(0, TrackInfo{}), read_track);
  check_cut(write_statistics({.rungs = {{}, {}}}), read_statistics);
  check_cut(write_failure("text"), read_failure);
  // A packet's payload is what is left; without any it is invalid.
  const Bytes body = body_of(whole_packet());
  for (std::size_t size = 0; size <= body.size() - packet().payload.size(); ++size)
    CHECK_FALSE(read_packet(body.slice(0, size)).has_value());
}

TEST_CASE("the bytes of a version stay as they are", "[protocol]") {
  TrackInfo track;
  track.codec = Codec::kHevc;
  track.codec_configuration = Bytes::copy_of("hvcC");
  track.video.width = 640;
  track.video.height = 360;
  track.video.frame_rate = {30, 1};
  Configuration still = configuration();
  still.still = {.pictures = 60, .picture_duration = 40ms, .slate = "away.png"};
  std::string bytes;
  for (const Bytes& message :
       {write_configuration(configuration()), write_configuration(still), write_ready(),
        write_track(1, track), whole_packet(),
        write_statistics({.packets_taken = 1, .frames_decoded = 2, .rungs = {{3, 4, 5, 6ms, 7ms}}}),
        write_failure("no decoder"),
        write_device({.name = "cuda:0",
        .decodes = {Codec::kH264, Codec::kAv1},
        .encodes = {Codec::kHevc},
        .sessions = 3,
        .problem = "none"})})
    bytes += message.text();
  const std::string path = MILLRACE_ROOT "/tests/fuzz/corpus/worker_protocol/every_message";
  if (std::getenv("MILLRACE_NEW_PROTOCOL") != nullptr) std::ofstream(path) << bytes;
  std::ifstream file(path, std::ios::binary);
  const std::string known(std::istreambuf_iterator<char>(file), {});
  INFO("Changed on purpose? Raise kProtocolVersion, and run this with MILLRACE_NEW_PROTOCOL=1.");
  CHECK((bytes == known));
}

TEST_CASE("another version, sizes and times out of range are refused", "[protocol]") {
  Bytes body = body_of(write_ready());
  std::string other(body.text());
  other[4] = 99;
  CHECK(read_ready(Bytes::copy_of(other)).error().code == ErrorCode::kUnsupported);
  Configuration odd = configuration();
  odd.rungs[0].width = 1281;
  CHECK_FALSE(read_configuration(body_of(write_configuration(odd))).has_value());
  TrackInfo huge;
  huge.video.width = 1'000'000;
  CHECK_FALSE(read_track(body_of(write_track(0, huge))).has_value());
  EncodedPacket late = packet();
  late.pts = MediaTime::max();
  const Bytes head = write_packet_header({.rung = 0, .packets_taken = 0, .packet = late});
  CHECK_FALSE(
      read_packet(body_of(Bytes::copy_of(std::string(head.text()) + "payload"))).has_value());
}
