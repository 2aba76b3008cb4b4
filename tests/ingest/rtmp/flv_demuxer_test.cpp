#include "ingest/rtmp/flv_demuxer.h"

#include <catch2/catch.hpp>

#include "tests/support/flv_tags.h"

using namespace millrace::test;
using millrace::Bytes;
using millrace::Codec;
using millrace::ErrorCode;
using millrace::MediaKind;
using millrace::ingest::FlvDemuxer;
using millrace::ingest::SourcePacket;

using namespace std::chrono_literals;

namespace {

const FlvDemuxer::TimePoint kNow{7s};

/// A demuxer of one publisher. An empty optional: nothing came out.
struct Publisher {
  FlvDemuxer demuxer;

  std::optional<SourcePacket> video(std::uint32_t timestamp, const ByteVector& body) {
    auto packet = demuxer.push_video(timestamp, Bytes::copy_of(body), kNow);
    REQUIRE(packet.has_value());
    return std::move(packet).value();
  }
  std::optional<SourcePacket> audio(std::uint32_t timestamp, const ByteVector& body) {
    auto packet = demuxer.push_audio(timestamp, Bytes::copy_of(body), kNow);
    REQUIRE(packet.has_value());
    return std::move(packet).value();
  }
  SourcePacket video_packet(std::uint32_t timestamp, const ByteVector& body) {
    auto packet = video(timestamp, body);
    REQUIRE(packet);
    return std::move(*packet);
  }
  SourcePacket audio_packet(std::uint32_t timestamp, const ByteVector& body) {
    auto packet = audio(timestamp, body);
    REQUIRE(packet);
    return std::move(*packet);
  }
};

ByteVector key_frame(std::int32_t composition_offset = 0) {
  return avc_frame_tag(FrameKind::kKey, composition_offset, h264_picture(FrameKind::kKey, 50));
}

ByteVector half_a_configuration() {
  auto avcc = avcc_320x180();
  avcc.resize(avcc.size() / 2);
  return avc_configuration_tag(avcc);
}

}  // namespace

TEST_CASE("a picture comes out with its track, times and bytes", "[flv]") {
  Publisher publisher;
  CHECK_FALSE(publisher.video(0, avc_configuration_tag(avcc_320x180())));
  const auto packet = publisher.video_packet(1000, key_frame(66));
  REQUIRE(packet.track);
  CHECK(packet.track->kind == MediaKind::kVideo);
  CHECK(packet.track->codec == Codec::kH264);
  CHECK(packet.track->video.width == 320);
  CHECK(packet.track->video.height == 180);
  CHECK(packet.track->codec_configuration == Bytes::copy_of(avcc_320x180()));
  CHECK(packet.payload == Bytes::copy_of(h264_picture(FrameKind::kKey, 50)));
  CHECK(packet.dts == 1s);
  CHECK(packet.pts == 1066ms);
  CHECK(packet.is_key_frame);
  CHECK(packet.received_at == kNow);
}

TEST_CASE("a picture may be shown before it is decoded, says its encoder", "[flv]") {
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  const auto packet = publisher.video_packet(1000, key_frame(-40));
  CHECK(packet.dts == 1s);
  CHECK(packet.pts == 960ms);
}

TEST_CASE("sound comes out with its track, every frame a key frame", "[flv]") {
  Publisher publisher;
  CHECK_FALSE(publisher.audio(0, aac_configuration_tag(aac_48000_stereo())));
  const auto packet = publisher.audio_packet(21, aac_frame_tag(ByteVector{1, 2}));
  REQUIRE(packet.track);
  CHECK(packet.track->kind == MediaKind::kAudio);
  CHECK(packet.track->audio.sample_rate == 48000);
  CHECK(packet.track->audio.channels == 2);
  CHECK(packet.payload == Bytes::copy_of(ByteVector{1, 2}));
  CHECK(packet.dts == 21ms);
  CHECK(packet.pts == 21ms);
  CHECK(packet.is_key_frame);
}

TEST_CASE("HEVC and AV1 come by Enhanced RTMP", "[flv]") {
  Publisher publisher;
  publisher.video(0, enhanced_tag(FrameKind::kKey, 0, "hvc1", hvcc_320x180()));
  const auto hevc = publisher.video_packet(
      0, enhanced_tag(FrameKind::kKey, 1, "hvc1",
                      joined(with_offset({}, 33), hevc_picture(FrameKind::kKey, 20))));
  CHECK(hevc.track->codec == Codec::kHevc);
  CHECK(hevc.track->video.width == 320);
  CHECK(hevc.pts == 33ms);
  CHECK(hevc.is_key_frame);

  // Another codec is another track, on the same connection.
  publisher.video(40, enhanced_tag(FrameKind::kKey, 0, "av01", av1c_320x180()));
  const auto av1 =
      publisher.video_packet(40, enhanced_tag(FrameKind::kKey, 1, "av01", ByteVector{0x12, 0}));
  CHECK(av1.track->codec == Codec::kAv1);
  CHECK(av1.is_key_frame);
  // Its pictures have no NAL units to tell by: the tag's word is taken.
  CHECK_FALSE(
      publisher.video_packet(80, enhanced_tag(FrameKind::kInter, 3, "av01", ByteVector{0x12, 0}))
          .is_key_frame);
}

TEST_CASE("a payload is the message's own bytes, a track's configuration a copy", "[flv]") {
  FlvDemuxer demuxer;
  const auto configuration = Bytes::copy_of(avc_configuration_tag(avcc_320x180()));
  REQUIRE(demuxer.push_video(0, configuration, kNow).has_value());
  const auto body = Bytes::copy_of(key_frame());
  const auto packet = demuxer.push_video(0, body, kNow).value();
  REQUIRE(packet);
  CHECK(packet->payload.data() == body.data() + 5);
  CHECK(packet->track->codec_configuration.data() != configuration.data() + 5);
}

TEST_CASE("a configuration that says the same again keeps the track", "[flv]") {
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  publisher.audio(0, aac_configuration_tag(aac_48000_stereo()));
  const auto before = publisher.video_packet(0, key_frame()).track;
  const auto sound_before = publisher.audio_packet(0, aac_frame_tag(ByteVector{1})).track;
  publisher.video(40, avc_configuration_tag(avcc_320x180()));
  publisher.audio(40, aac_configuration_tag(aac_48000_stereo()));
  CHECK(publisher.video_packet(40, key_frame()).track == before);
  CHECK(publisher.audio_packet(40, aac_frame_tag(ByteVector{1})).track == sound_before);
}

TEST_CASE("a configuration that says something else makes another track", "[flv]") {
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  const auto before = publisher.video_packet(0, key_frame()).track;
  publisher.video(40, avc_configuration_tag(avcc_640x360()));
  const auto after = publisher.video_packet(40, key_frame()).track;
  CHECK(after != before);
  CHECK(after->video.width == 640);
  CHECK(before->video.width == 320);
}

TEST_CASE("media ahead of its configuration, of another codec or empty is passed over", "[flv]") {
  Publisher publisher;
  CHECK_FALSE(publisher.video(0, key_frame()));
  CHECK_FALSE(publisher.audio(0, aac_frame_tag(ByteVector{1})));
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  CHECK_FALSE(publisher.video(
      0, enhanced_tag(FrameKind::kKey, 3, "hvc1", hevc_picture(FrameKind::kKey, 20))));
  CHECK_FALSE(publisher.video(0, avc_frame_tag(FrameKind::kKey, 0, {})));
  CHECK_FALSE(publisher.audio(0, aac_frame_tag(ByteVector{1})));  // Sound still has none.
  CHECK_FALSE(publisher.video(0, {0x17, 2, 0, 0, 0}));            // The end of a sequence.
  CHECK(publisher.video(0, key_frame()));
}

TEST_CASE("a key frame is one that decoding can start at, whatever its tag says", "[flv]") {
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  CHECK_FALSE(
      publisher
          .video_packet(0, avc_frame_tag(FrameKind::kKey, 0, h264_picture(FrameKind::kInter, 9)))
          .is_key_frame);
  CHECK(publisher
            .video_packet(0, avc_frame_tag(FrameKind::kInter, 0, h264_picture(FrameKind::kKey, 9)))
            .is_key_frame);
}

TEST_CASE("both tracks are on one clock where its 32 bits begin anew", "[flv]") {
  Publisher publisher;
  publisher.video(0xFFFFFFF0, avc_configuration_tag(avcc_320x180()));
  publisher.audio(0xFFFFFFF0, aac_configuration_tag(aac_48000_stereo()));
  const auto first = publisher.video_packet(0xFFFFFFF0, key_frame()).dts;
  CHECK(publisher.audio_packet(0x10, aac_frame_tag(ByteVector{1})).dts - first == 32ms);
  CHECK(publisher.video_packet(0xFFFFFFFF, key_frame()).dts - first == 15ms);
  CHECK(publisher.video_packet(0x11, key_frame()).dts - first == 33ms);
}

TEST_CASE("what cannot be taken is an error that says so", "[flv]") {
  struct Case {
    ByteVector body;
    ErrorCode code;
  };
  const auto [body, code] = GENERATE(values<Case>({
      {{0x14, 1, 2}, ErrorCode::kUnsupported},  // VP6.
      {{0x17, 0, 0}, ErrorCode::kInvalidData},  // Half a header.
      {half_a_configuration(), ErrorCode::kInvalidData},
      {{0x17, 1, 0, 0, 0, 0, 0, 0, 9, 0x65}, ErrorCode::kInvalidData},  // Half a NAL unit.
  }));
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  const auto packet = publisher.demuxer.push_video(0, Bytes::copy_of(body), kNow);
  REQUIRE_FALSE(packet.has_value());
  CHECK(packet.error().code == code);
  CHECK_FALSE(packet.error().message.empty());
}

TEST_CASE("a sound configuration that ends early is an error", "[flv]") {
  FlvDemuxer demuxer;
  const auto packet =
      demuxer.push_audio(0, Bytes::copy_of(aac_configuration_tag(ByteVector{0x11})), kNow);
  REQUIRE_FALSE(packet.has_value());
  CHECK(packet.error().code == ErrorCode::kInvalidData);
}

TEST_CASE("an empty configuration says nothing, as FFmpeg announces sound it has not seen yet",
          "[flv]") {
  Publisher publisher;
  CHECK_FALSE(publisher.audio(0, aac_configuration_tag({})));
  CHECK_FALSE(publisher.audio(0, aac_frame_tag(ByteVector{1})));
  publisher.audio(0, aac_configuration_tag(aac_48000_stereo()));
  const auto track = publisher.audio_packet(0, aac_frame_tag(ByteVector{1})).track;
  publisher.audio(21, aac_configuration_tag({}));
  CHECK(publisher.audio_packet(21, aac_frame_tag(ByteVector{1})).track == track);
}

TEST_CASE("a configuration that is empty yet is waited for", "[flv]") {
  Publisher publisher;
  publisher.audio(0, aac_configuration_tag({}));
  CHECK_FALSE(publisher.audio(0, aac_frame_tag(ByteVector{1, 2, 3})));
  publisher.audio(0, aac_configuration_tag(aac_48000_stereo()));
  CHECK(publisher.audio_packet(21, aac_frame_tag(ByteVector{1, 2, 3})).track->audio.channels == 2);
}
