#include "transcode/encoder_codec.h"

#include <vector>

#include "media/codec_configuration.h"
#include "tests/transcode/picture.h"
#include "transcode/decoder.h"
#include "transcode/encoder.h"
#include "transcode/frame_scaler.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

/// Empty where there is none.
Bytes avc(std::span<const std::uint8_t> headers) {
  auto record = configuration_of(Codec::kH264, headers);
  return record.has_value() ? std::move(record).value() : Bytes();
}

Result<TrackInfo> parse(Codec codec, const Bytes& configuration) {
  return codec == Codec::kH264   ? parse_avc_configuration(configuration)
         : codec == Codec::kHevc ? parse_hevc_configuration(configuration)
                                 : parse_av1_configuration(configuration);
}

}  // namespace

TEST_CASE("every codec of a rung is announced by its record and can be decoded", "[encoder]") {
  const Codec codec = GENERATE(Codec::kH264, Codec::kHevc, Codec::kAv1);
  CAPTURE(to_string(codec));
  TrackInfo made = *test::picture_track(320, 180, {30, 1});
  made.video.colour = {9, 14, 9, false};  // BT.2020: nothing that an encoder takes by itself.
  const auto source = std::make_shared<const TrackInfo>(made);
  const Rung rung{
      .name = "rung", .width = 320, .height = 180, .bits_per_second = 500'000, .codec = codec};
  auto encoder = Encoder::create(
      rung, encoder_settings(Profile::kBalanced, source->video, 200ms, codec), source->video);
  REQUIRE(encoder.has_value());
  const auto track = std::make_shared<const TrackInfo>(encoder.value()->track());
  CHECK(track->codec == codec);
  const auto parsed = parse(codec, track->codec_configuration);
  REQUIRE(parsed.has_value());
  CHECK(parsed.value().video.width == 320);
  CHECK(parsed.value().video.height == 180);
  CHECK(parsed.value().video.bit_depth == 8);
  CHECK(parsed.value().video.colour == made.video.colour);

  auto decoder = Decoder::create(track);
  REQUIRE(decoder.has_value());
  int decoded = 0;
  std::vector<MediaTime> times;
  std::vector<bool> keys;
  const auto decode = [&](const Encoder::Output& output) {
    EncodedPacket packet;
    packet.track = track;
    packet.payload = Bytes::copy_of(output.payload);
    packet.pts = output.picture.pts;
    packet.dts = output.dts;
    packet.is_key_frame = output.is_key_frame;
    times.push_back(packet.pts);
    keys.push_back(packet.is_key_frame);
    decoder.value()->push(packet, [&](Frame) { ++decoded; });
  };
  for (int i = 0; i < 20; ++i) {
    Frame frame = test::make_frame(source, i);
    if (i % 8 == 0) frame.picture.opens_segment = i / 8;
    REQUIRE(encoder.value()->push(frame, decode).has_value());
  }
  REQUIRE(encoder.value()->drain(decode).has_value());
  decoder.value()->drain([&](Frame) { ++decoded; });
  CHECK(decoded == 20);
  CHECK(decoder.value()->errors() == 0);
  CHECK(times.size() == 20);
  REQUIRE(keys.size() == 20);
  for (std::size_t i = 0; i < keys.size(); ++i) CHECK(keys[i] == (i % 8 == 0));
}

TEST_CASE("a sample of AV1 has no temporal delimiter", "[encoder]") {
  const std::vector<std::uint8_t> unit{0x12, 0x00, 0x32, 0x01, 0x55};
  CHECK(sample_of(Codec::kAv1, unit).size() == 3);
  CHECK(sample_of(Codec::kH264, unit).size() == 5);
  CHECK(sample_of(Codec::kAv1, std::span(unit).subspan(2)).size() == 3);
}

TEST_CASE("a configuration record is made of x264's headers", "[encoder]") {
  const std::uint8_t headers[] = {0, 0, 0, 5, 0x67, 0x64, 0x00, 0x1e, 0xac,  // SPS
                                  0, 0, 0, 2, 0x06, 0x05,                    // SEI
                                  0, 0, 0, 3, 0x68, 0xeb, 0xe3};             // PPS
  const std::uint8_t high[] = {1,    0x64, 0x00, 0x1e, 0xff, 0xe1, 0, 5,
                               0x67, 0x64, 0x00, 0x1e, 0xac, 1,    0, 3,
                               0x68, 0xeb, 0xe3, 0xfd, 0xf8, 0xf8, 0};
  CHECK(avc(headers) == Bytes::copy_of(high));
  CHECK(avc(high) == Bytes::copy_of(high));  // One already.

  std::vector<std::uint8_t> main(std::begin(headers), std::end(headers));
  main[5] = 77;
  const auto record = avc(main);
  CHECK(record.size() == sizeof high - 4);  // Only High says what its samples are.
  CHECK(record[1] == 77);
}

TEST_CASE("headers that are cut or lack a parameter set make no record", "[encoder]") {
  const std::uint8_t headers[] = {0, 0, 0, 4, 0x67, 0x64, 0x00, 0x1e, 0, 0, 0, 2, 0x68, 0xeb};
  const std::span<const std::uint8_t> all(headers);
  REQUIRE_FALSE(avc(all).empty());
  for (std::size_t size = 0; size < all.size(); ++size) CHECK(avc(all.first(size)).empty());
  const std::uint8_t empty_unit[] = {0,    0,    0,    0, 0, 0, 0, 4,    0x67,
                                     0x64, 0x00, 0x1e, 0, 0, 0, 2, 0x68, 0xeb};
  CHECK(avc(empty_unit).empty());
}

TEST_CASE("a rung that keeps high dynamic range has ten bits and says all that the source does",
          "[encoder]") {
  const Codec codec = GENERATE(Codec::kHevc, Codec::kAv1);
  CAPTURE(to_string(codec));
  TrackInfo made = *test::picture_track(320, 180, {30, 1});
  made.video.colour = {9, 16, 9, false};
  made.video.bit_depth = 10;
  const auto source = std::make_shared<const TrackInfo>(made);
  const Rung rung{.name = "rung",
                  .width = 320,
                  .height = 180,
                  .bits_per_second = 500'000,
                  .codec = codec,
                  .hdr = HdrMode::kKeep};
  const HdrMetadata metadata{
      .display = HdrMetadata::Display{.primaries = {{{34000, 16000}, {13250, 34500}, {7500, 3000}}},
                                      .white = {15635, 16450},
                                      .highest = 10'000'000,
                                      .lowest = 50},
      .light = HdrMetadata::Light{800, 200}};
  auto encoder =
      Encoder::create(rung, encoder_settings(Profile::kRealtime, source->video, 200ms, codec),
                      source->video, {}, metadata);
  REQUIRE(encoder.has_value());
  const auto track = std::make_shared<const TrackInfo>(encoder.value()->track());
  const auto parsed = parse(codec, track->codec_configuration);
  REQUIRE(parsed.has_value());
  for (const VideoParameters& video : {track->video, parsed.value().video}) {
    CHECK(video.bit_depth == 10);
    CHECK(video.colour == made.video.colour);
  }

  auto decoder = Decoder::create(track);
  REQUIRE(decoder.has_value());
  std::vector<Frame> frames;
  const auto on_frame = [&](Frame frame) { frames.push_back(std::move(frame)); };
  const auto decode = [&](const Encoder::Output& output) {
    EncodedPacket packet;
    packet.track = track;
    packet.payload = Bytes::copy_of(output.payload);
    packet.pts = output.picture.pts;
    packet.dts = output.dts;
    packet.is_key_frame = output.is_key_frame;
    decoder.value()->push(packet, on_frame);
  };
  for (int i = 0; i < 6; ++i) {
    Frame frame = test::make_frame(source, i);
    FrameScaler to_10_bit(320, 180, AV_PIX_FMT_YUV420P10);
    frame.planes = to_10_bit.scale(*frame.planes);
    if (i % 3 == 0) frame.picture.opens_segment = i / 3;
    REQUIRE(encoder.value()->push(frame, decode).has_value());
  }
  REQUIRE(encoder.value()->drain(decode).has_value());
  decoder.value()->drain(on_frame);
  CHECK(decoder.value()->errors() == 0);
  REQUIRE(frames.size() == 6);
  for (const auto& frame : frames) {
    CHECK(frame.planes->format == AV_PIX_FMT_YUV420P10);
    CHECK(frame.planes->color_trc == AVCOL_TRC_SMPTE2084);
    if (codec == Codec::kHevc) CHECK(hdr_metadata_of(*frame.planes) == metadata);
  }
}

TEST_CASE("high dynamic range is announced as BT.709 unless it is kept", "[encoder]") {
  const Codec codec = GENERATE(Codec::kH264, Codec::kHevc, Codec::kAv1);
  TrackInfo source = *test::picture_track(320, 180, {30, 1});
  source.video.bit_depth = 10;
  source.video.colour = {9, GENERATE(16, 18), 9, true};
  const auto described = describe_rung(
      {.name = "rung", .width = 320, .height = 180, .bits_per_second = 500'000, .codec = codec},
      Profile::kRealtime, source, 200ms);
  REQUIRE(described.has_value());
  const auto parsed = parse(codec, described.value().codec_configuration);
  REQUIRE(parsed.has_value());
  for (const VideoParameters& video : {described.value().video, parsed.value().video}) {
    CHECK(video.bit_depth == 8);
    const Colour expected{.primaries = 1, .transfer = 1, .matrix = 1};
    CHECK(video.colour == expected);
  }
}
