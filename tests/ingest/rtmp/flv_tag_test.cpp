#include "ingest/rtmp/flv_tag.h"

#include <catch2/catch.hpp>

#include "tests/support/flv_tags.h"

using namespace millrace::test;
using millrace::Bytes;
using millrace::Codec;
using millrace::ErrorCode;
using millrace::ingest::FlvContent;
using millrace::ingest::FlvTag;
using millrace::ingest::parse_audio_tags;
using millrace::ingest::parse_video_tags;

namespace {

/// Of the one track; kOther where there is nothing.
FlvTag only(millrace::Result<std::vector<FlvTag>> tags) {
  REQUIRE(tags.has_value());
  REQUIRE(tags.value().size() <= 1);
  return tags.value().empty() ? FlvTag() : tags.value().front();
}

FlvTag video(const ByteVector& body) {
  return only(parse_video_tags(Bytes::copy_of(body)));
}

FlvTag audio(const ByteVector& body) {
  return only(parse_audio_tags(Bytes::copy_of(body)));
}

millrace::Error video_error(const ByteVector& body) {
  const auto tag = parse_video_tags(Bytes::copy_of(body));
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
  CHECK(parse_video_tags(body).value().front().payload.data() == body.data() + 5);
  const auto sound = Bytes::copy_of(aac_frame_tag(kPayload));
  CHECK(parse_audio_tags(sound).value().front().payload.data() == sound.data() + 2);
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
      {3, "PCM audio"},
      {6, "Nellymoser audio"},
      {7, "G.711 audio"},
      {11, "Speex audio"},
      {15, "this audio codec"},
  }));
  const auto tag =
      parse_audio_tags(Bytes::copy_of(ByteVector{static_cast<std::uint8_t>(format << 4 | 0xF), 1}));
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
    const auto tag = parse_audio_tags(Bytes::copy_of(body));
    REQUIRE_FALSE(tag.has_value());
    CHECK(tag.error().code == ErrorCode::kInvalidData);
    CHECK(tag.error().message == "flv: audio tag ends early");
  }
}

namespace {

ByteVector text(std::string_view letters) {
  return {letters.begin(), letters.end()};
}

ByteVector part(int track, const ByteVector& payload) {
  ByteVector bytes{static_cast<std::uint8_t>(track), 0, 0,
                   static_cast<std::uint8_t>(payload.size())};
  return joined(std::move(bytes), payload);
}

}  // namespace

TEST_CASE("an enhanced tag of sound names its codec by FourCC", "[flv]") {
  const auto [four_cc, codec] =
      GENERATE(values<std::pair<std::string, Codec>>({{"mp4a", Codec::kAac},
                                                      {"Opus", Codec::kOpus},
                                                      {"ac-3", Codec::kAc3},
                                                      {".mp3", Codec::kMp3}}));
  CAPTURE(four_cc);
  const auto frame = audio(joined(joined({0x91}, text(four_cc)), kPayload));
  CHECK(frame.content == FlvContent::kFrame);
  CHECK(frame.codec == codec);
  CHECK(frame.is_key_frame);
  CHECK(frame.payload == Bytes::copy_of(kPayload));
  CHECK(audio(joined(joined({0x90}, text(four_cc)), kPayload)).content ==
        FlvContent::kConfiguration);
  CHECK(audio(joined({0x92}, text(four_cc))).content == FlvContent::kEndOfSequence);
  CHECK(audio(joined({0x94}, text(four_cc))).content == FlvContent::kOther);
}

TEST_CASE("the sound of old encoders may be MP3", "[flv]") {
  for (const auto first : {std::uint8_t{0x2F}, std::uint8_t{0xEE}}) {
    const auto frame = audio(joined({first}, kPayload));
    CHECK(frame.codec == Codec::kMp3);
    CHECK(frame.content == FlvContent::kFrame);
    CHECK(frame.payload == Bytes::copy_of(kPayload));
  }
}

TEST_CASE("modifiers in front of a message are skipped", "[flv]") {
  // A nanosecond offset of three bytes, then one of 257 bytes that nobody knows.
  ByteVector body{0x97, 2, 1, 2, 3, 0x07, 255, 0x01, 0x00};
  body.resize(body.size() + 257, 9);
  body.push_back(0x01);
  const auto frame = audio(joined(joined(body, text("Opus")), kPayload));
  CHECK(frame.codec == Codec::kOpus);
  CHECK(frame.payload == Bytes::copy_of(kPayload));
  const auto picture = video(joined(joined(ByteVector{0x97, 0, 1, 0x03}, text("hvc1")), kPayload));
  CHECK(picture.codec == Codec::kHevc);
  CHECK(picture.is_key_frame);
  for (const ByteVector& cut : {ByteVector{0x97}, ByteVector{0x97, 255}, ByteVector{0x97, 5, 1, 2}})
    CHECK(video_error(cut).code == ErrorCode::kInvalidData);
}

TEST_CASE("a message may be of one track, of several, or of several codecs", "[flv]") {
  const auto one = parse_audio_tags(
      Bytes::copy_of(joined(joined(joined({0x95, 0x01}, text("Opus")), ByteVector{3}), kPayload)));
  REQUIRE(one.has_value());
  REQUIRE(one.value().size() == 1);
  CHECK(one.value()[0].track == 3);
  CHECK(one.value()[0].payload == Bytes::copy_of(kPayload));

  const auto several = parse_video_tags(Bytes::copy_of(
      joined(joined(joined({0x96, 0x13}, text("avc1")), part(0, {1, 2})), part(1, {3}))));
  REQUIRE(several.has_value());
  REQUIRE(several.value().size() == 2);
  CHECK(several.value()[0].track == 0);
  CHECK(several.value()[0].payload == Bytes::copy_of(ByteVector{1, 2}));
  CHECK(several.value()[1].track == 1);
  CHECK(several.value()[1].is_key_frame);
  CHECK(several.value()[1].payload == Bytes::copy_of(ByteVector{3}));

  const auto mixed = parse_video_tags(Bytes::copy_of(
      joined(joined(joined(joined({0x96, 0x23}, text("avc1")), part(0, {1})), text("av01")),
             part(1, {2}))));
  REQUIRE(mixed.has_value());
  REQUIRE(mixed.value().size() == 2);
  CHECK(mixed.value()[0].codec == Codec::kH264);
  CHECK(mixed.value()[1].codec == Codec::kAv1);
}

TEST_CASE("a further track that cannot be taken says why, the main one is an error", "[flv]") {
  const auto message = [](int bad) {
    return Bytes::copy_of(
        joined(joined(joined(joined({0x95, 0x21}, text(bad == 0 ? "fLaC" : "Opus")), part(0, {1})),
                      text(bad == 1 ? "fLaC" : "Opus")),
               part(1, {2})));
  };
  const auto further = parse_audio_tags(message(1));
  REQUIRE(further.has_value());
  CHECK(further.value()[0].content == FlvContent::kFrame);
  CHECK(further.value()[1].content == FlvContent::kUnsupported);
  CHECK(further.value()[1].problem == "flv: audio fLaC is not supported");
  const auto main = parse_audio_tags(message(0));
  REQUIRE_FALSE(main.has_value());
  CHECK(main.error().message == "flv: audio fLaC is not supported");
}

TEST_CASE("a message of several tracks that does not add up is invalid", "[flv]") {
  const ByteVector whole =
      joined(joined(joined({0x96, 0x13}, text("avc1")), part(0, {1, 2})), part(1, {3}));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto cut = parse_video_tags(Bytes::copy_of(
        ByteVector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
    // It may end behind a track.
    if (size != 6 && size != 12) CHECK_FALSE(cut.has_value());
  }
  CHECK_FALSE(parse_video_tags(Bytes::copy_of(joined({0x96, 0x33}, text("avc1")))).has_value());
  ByteVector many = joined({0x96, 0x13}, text("avc1"));
  for (int i = 0; i < 17; ++i) many = joined(many, part(i, {}));
  CHECK_FALSE(parse_video_tags(Bytes::copy_of(many)).has_value());
}
