#include "ingest/rtmp/flv_tag.h"

#include <catch2/catch.hpp>

#include "tests/support/flv_tags.h"

using namespace millrace::test;
using millrace::Bytes;
using millrace::Codec;
using millrace::ErrorCode;
using millrace::ingest::FlvContent;
using millrace::ingest::FlvTag;
using millrace::ingest::parse_audio_tag;
using millrace::ingest::parse_video_tag;

namespace {

FlvTag video(const ByteVector& body) {
  auto tag = parse_video_tag(Bytes::copy_of(body));
  REQUIRE(tag.has_value());
  return std::move(tag).value();
}

FlvTag audio(const ByteVector& body) {
  auto tag = parse_audio_tag(Bytes::copy_of(body));
  REQUIRE(tag.has_value());
  return std::move(tag).value();
}

millrace::Error video_error(const ByteVector& body) {
  const auto tag = parse_video_tag(Bytes::copy_of(body));
  REQUIRE_FALSE(tag.has_value());
  return tag.error();
}

const ByteVector kPayload{7, 8, 9};

}  // namespace

TEST_CASE("an AVC tag is configuration, frame or end", "[flv]") {
  const auto configuration = video(avc_configuration_tag(kPayload));
  CHECK(configuration.content == FlvContent::kConfiguration);
  CHECK(configuration.codec == Codec::kH264);
  CHECK(configuration.payload == Bytes::copy_of(kPayload));

  const auto key = video(avc_frame_tag(FrameKind::kKey, 66, kPayload));
  CHECK(key.content == FlvContent::kFrame);
  CHECK(key.is_key_frame);
  CHECK(key.composition_offset == 66);
  CHECK(key.payload == Bytes::copy_of(kPayload));
  CHECK_FALSE(video(avc_frame_tag(FrameKind::kInter, 0, kPayload)).is_key_frame);

  CHECK(video({0x17, 2, 0, 0, 0}).content == FlvContent::kEndOfSequence);
}

TEST_CASE("a composition offset has a sign and 24 bits", "[flv]") {
  for (const std::int32_t offset : {0, 1, -1, -40, 0x7FFFFF, -0x800000}) {
    CHECK(video(avc_frame_tag(FrameKind::kInter, offset, kPayload)).composition_offset == offset);
    const auto enhanced =
        enhanced_tag(FrameKind::kInter, 1, "hvc1", joined(with_offset({}, offset), kPayload));
    CHECK(video(enhanced).composition_offset == offset);
  }
}

TEST_CASE("an AAC tag is configuration or frame, and every frame a key frame", "[flv]") {
  const auto configuration = audio(aac_configuration_tag(kPayload));
  CHECK(configuration.content == FlvContent::kConfiguration);
  CHECK(configuration.codec == Codec::kAac);
  CHECK(configuration.payload == Bytes::copy_of(kPayload));
  const auto frame = audio(aac_frame_tag(kPayload));
  CHECK(frame.content == FlvContent::kFrame);
  CHECK(frame.is_key_frame);
  CHECK(frame.composition_offset == 0);
  CHECK(frame.payload == Bytes::copy_of(kPayload));
}

TEST_CASE("an enhanced tag names its codec by FourCC", "[flv]") {
  const auto [four_cc, codec] = GENERATE(values<std::pair<std::string, Codec>>(
      {{"avc1", Codec::kH264}, {"hvc1", Codec::kHevc}, {"av01", Codec::kAv1}}));
  CAPTURE(four_cc);
  const auto configuration = video(enhanced_tag(FrameKind::kKey, 0, four_cc, kPayload));
  CHECK(configuration.content == FlvContent::kConfiguration);
  CHECK(configuration.codec == codec);
  CHECK(configuration.payload == Bytes::copy_of(kPayload));

  const auto end = video(enhanced_tag(FrameKind::kKey, 2, four_cc, {}));
  CHECK(end.content == FlvContent::kEndOfSequence);

  const auto frame = video(enhanced_tag(FrameKind::kInter, 3, four_cc, kPayload));
  CHECK(frame.content == FlvContent::kFrame);
  CHECK(frame.codec == codec);
  CHECK_FALSE(frame.is_key_frame);
  CHECK(frame.composition_offset == 0);
  CHECK(frame.payload == Bytes::copy_of(kPayload));
  CHECK(video(enhanced_tag(FrameKind::kKey, 3, four_cc, kPayload)).is_key_frame);
}

TEST_CASE("coded frames have a composition time but those of AV1, which does not reorder",
          "[flv]") {
  const auto timed = joined(with_offset({}, 33), kPayload);
  for (const char* four_cc : {"avc1", "hvc1"}) {
    const auto frame = video(enhanced_tag(FrameKind::kKey, 1, four_cc, timed));
    CHECK(frame.composition_offset == 33);
    CHECK(frame.payload == Bytes::copy_of(kPayload));
  }
  const auto frame = video(enhanced_tag(FrameKind::kKey, 1, "av01", timed));
  CHECK(frame.composition_offset == 0);
  CHECK(frame.payload == Bytes::copy_of(timed));
}

TEST_CASE("a tag's payload is not copied", "[flv]") {
  const auto body = Bytes::copy_of(avc_frame_tag(FrameKind::kKey, 0, kPayload));
  CHECK(parse_video_tag(body).value().payload.data() == body.data() + 5);
  const auto sound = Bytes::copy_of(aac_frame_tag(kPayload));
  CHECK(parse_audio_tag(sound).value().payload.data() == sound.data() + 2);
}

TEST_CASE("commands, metadata and packet types of later versions are nothing to hand on", "[flv]") {
  CHECK(video({0x52, 0}).content == FlvContent::kOther);  // A seek, of any codec.
  CHECK(video({0x17, 3, 0, 0, 0, 1}).content == FlvContent::kOther);
  CHECK(video(enhanced_tag(FrameKind::kKey, 4, "hvc1", kPayload)).content == FlvContent::kOther);
  CHECK(video(enhanced_tag(FrameKind{5}, 1, "none", kPayload)).content == FlvContent::kOther);
  CHECK(audio({0xAF, 2, 1}).content == FlvContent::kOther);
}

TEST_CASE("a codec that cannot be taken is named", "[flv]") {
  const auto [body, name] = GENERATE(values<std::pair<ByteVector, std::string>>({
      {{0x12, 0, 0, 0, 0}, "Sorenson H.263 video"},
      {{0x14, 0, 0, 0, 0}, "VP6 video"},
      {{0x1C, 0, 0, 0, 0}, "HEVC video under codec id 12 (send Enhanced RTMP)"},
      {{0x1F, 0, 0, 0, 0}, "this video codec"},
      {{0x90, 'v', 'p', '0', '9', 1}, "video vp09"},
      {{0x90, 'a', '\n', 0xFF, ' ', 1}, "video a.. "},
      {{0x95, 'h', 'v', 'c', '1', 1}, "video packet type 5"},
  }));
  const auto error = video_error(body);
  CHECK(error.code == ErrorCode::kUnsupported);
  CHECK(error.message == "flv: " + name + " is not supported");
}

TEST_CASE("a sound format that cannot be taken is named", "[flv]") {
  const auto [format, name] = GENERATE(values<std::pair<int, std::string>>({
      {0, "PCM audio"},
      {1, "ADPCM audio"},
      {2, "MP3 audio"},
      {3, "PCM audio"},
      {6, "Nellymoser audio"},
      {7, "G.711 audio"},
      {9, "audio with an Enhanced RTMP header"},
      {11, "Speex audio"},
      {14, "MP3 audio"},
      {15, "this audio codec"},
  }));
  const auto tag =
      parse_audio_tag(Bytes::copy_of(ByteVector{static_cast<std::uint8_t>(format << 4 | 0xF), 1}));
  REQUIRE_FALSE(tag.has_value());
  CHECK(tag.error().code == ErrorCode::kUnsupported);
  CHECK(tag.error().message == "flv: " + name + " is not supported");
}

TEST_CASE("a tag that ends inside its header is invalid", "[flv]") {
  const auto check_video = [](const ByteVector& header) {
    for (std::size_t size = 0; size < header.size(); ++size) {
      const auto error = video_error({header.begin(), header.begin() + static_cast<int>(size)});
      CHECK(error.code == ErrorCode::kInvalidData);
      CHECK(error.message == "flv: video tag ends early");
    }
    CHECK(video(header).payload.empty());
  };
  check_video(avc_configuration_tag({}));
  check_video(avc_frame_tag(FrameKind::kKey, 0, {}));
  check_video(enhanced_tag(FrameKind::kKey, 0, "av01", {}));
  check_video(enhanced_tag(FrameKind::kKey, 1, "hvc1", with_offset({}, 0)));
  for (const ByteVector& body : {ByteVector{}, ByteVector{0xAF}}) {
    const auto tag = parse_audio_tag(Bytes::copy_of(body));
    REQUIRE_FALSE(tag.has_value());
    CHECK(tag.error().code == ErrorCode::kInvalidData);
    CHECK(tag.error().message == "flv: audio tag ends early");
  }
}
