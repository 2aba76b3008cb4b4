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

  std::vector<SourcePacket> all;  ///< Of the last message.
  const FlvDemuxer::Take take = [this](SourcePacket packet) {
    all.push_back(std::move(packet));
    return millrace::ok();
  };

  millrace::Status push_video(std::uint32_t timestamp, const Bytes& body) {
    all.clear();
    return demuxer.push_video(timestamp, body, kNow, take);
  }
  millrace::Status push_audio(std::uint32_t timestamp, const Bytes& body) {
    all.clear();
    return demuxer.push_audio(timestamp, body, kNow, take);
  }
  std::optional<SourcePacket> only() {
    REQUIRE(all.size() <= 1);
    return all.empty() ? std::nullopt : std::optional(all.front());
  }
  std::optional<SourcePacket> video(std::uint32_t timestamp, const ByteVector& body) {
    REQUIRE(push_video(timestamp, Bytes::copy_of(body)).has_value());
    return only();
  }
  std::optional<SourcePacket> audio(std::uint32_t timestamp, const ByteVector& body) {
    REQUIRE(push_audio(timestamp, Bytes::copy_of(body)).has_value());
    return only();
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
  Publisher publisher;
  const auto configuration = Bytes::copy_of(avc_configuration_tag(avcc_320x180()));
  REQUIRE(publisher.push_video(0, configuration).has_value());
  const auto body = Bytes::copy_of(key_frame());
  REQUIRE(publisher.push_video(0, body).has_value());
  const auto packet = publisher.only();
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
  const auto packet = publisher.push_video(0, Bytes::copy_of(body));
  REQUIRE_FALSE(packet.has_value());
  CHECK(packet.error().code == code);
  CHECK_FALSE(packet.error().message.empty());
}

TEST_CASE("a sound configuration that ends early is an error", "[flv]") {
  Publisher publisher;
  const auto packet =
      publisher.push_audio(0, Bytes::copy_of(aac_configuration_tag(ByteVector{0x11})));
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

namespace {

/// Enhanced RTMP v2: one track of H.264. `packet_type`: 0 configuration, 3 frame.
ByteVector track_tag(int track, int packet_type, const ByteVector& payload) {
  ByteVector head{0x96, static_cast<std::uint8_t>(packet_type), 'a', 'v', 'c',
                  '1',  static_cast<std::uint8_t>(track)};
  return joined(std::move(head), payload);
}

ByteVector opus_tag(int packet_type, const ByteVector& payload) {
  return joined({static_cast<std::uint8_t>(0x90 | packet_type), 'O', 'p', 'u', 's'}, payload);
}

}  // namespace

TEST_CASE("further tracks are numbered as they come, behind the main one", "[flv]") {
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_640x360()));
  publisher.video(0, track_tag(7, 0, avcc_320x180()));
  publisher.video(0, track_tag(2, 0, avcc_320x180()));
  const auto picture = h264_picture(FrameKind::kKey, 50);
  CHECK(publisher.video_packet(0, key_frame()).track->index == 0);
  const auto seventh = publisher.video_packet(0, track_tag(7, 3, picture));
  CHECK(seventh.track->index == 1);
  CHECK(seventh.track->video.height == 180);
  CHECK(seventh.is_key_frame);
  CHECK(publisher.video_packet(0, track_tag(2, 3, picture)).track->index == 2);
  CHECK(publisher.demuxer.problem().empty());
}

TEST_CASE("a further track that makes no sense is left out, the publisher goes on", "[flv]") {
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_640x360()));
  CHECK_FALSE(publisher.video(0, track_tag(1, 0, ByteVector{1, 2, 3})));
  CHECK_FALSE(publisher.demuxer.problem().empty());
  publisher.video(0, track_tag(1, 0, avcc_320x180()));
  CHECK_FALSE(publisher.video(0, track_tag(1, 3, h264_picture(FrameKind::kKey, 50))));
  CHECK(publisher.video(33, key_frame()));
}

TEST_CASE("past eight tracks further ones are left out", "[flv]") {
  Publisher publisher;
  for (int track = 1; track < 12; ++track) publisher.video(0, track_tag(track, 0, avcc_320x180()));
  int taken = 0;
  for (int track = 1; track < 12; ++track)
    taken += publisher.video(0, track_tag(track, 3, h264_picture(FrameKind::kKey, 50))) ? 1 : 0;
  CHECK(taken == 7);
  CHECK(publisher.demuxer.problem() == "flv: more than eight tracks of a kind");
}

TEST_CASE("Opus comes with its identification header", "[flv]") {
  Publisher publisher;
  publisher.audio(0, opus_tag(0, {'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, 2, 0x38, 0x01, 0x80,
                                  0xBB, 0, 0, 0, 0, 0}));
  const auto packet = publisher.audio_packet(20, opus_tag(1, {0xFC, 1, 2}));
  CHECK(packet.track->codec == Codec::kOpus);
  CHECK(packet.track->audio.channels == 2);
  CHECK(packet.dts == 20ms);
}

TEST_CASE("MP3 says by its frames what it is", "[flv]") {
  Publisher publisher;
  // Layer III, 128 kb/s, 44.1 kHz, stereo: 417 bytes.
  ByteVector frame{0xFF, 0xFB, 0x90, 0x00};
  frame.resize(417, 0);
  ByteVector body{0x2F};
  for (int i = 0; i < 2; ++i) body = joined(std::move(body), frame);
  REQUIRE(publisher.push_audio(100, Bytes::copy_of(body)).has_value());
  REQUIRE(publisher.all.size() == 2);
  CHECK(publisher.all[0].track->codec == Codec::kMp3);
  CHECK(publisher.all[0].track->audio.sample_rate == 44'100);
  CHECK(publisher.all[1].dts - publisher.all[0].dts == 26'122'449ns);
  const auto track = publisher.all[0].track;
  REQUIRE(publisher.push_audio(152, Bytes::copy_of(body)).has_value());
  CHECK(publisher.all[0].track == track);
}

TEST_CASE("a configuration that comes again has no say in the times", "[flv]") {
  Publisher publisher;
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  const auto first = publisher.video_packet(0xF000'0000, key_frame()).dts;
  publisher.video(0, avc_configuration_tag(avcc_320x180()));
  CHECK(publisher.video_packet(0xF000'0021, key_frame()).dts - first == 33ms);
}
