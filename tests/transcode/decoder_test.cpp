#include "transcode/decoder.h"

#include "tests/transcode/clip.h"
#include "tests/transcode/picture.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
}

using namespace std::chrono_literals;
using namespace millrace;
using millrace::transcode::Decoder;
using millrace::transcode::Frame;

namespace {

struct Output {
  explicit Output(const std::shared_ptr<const TrackInfo>& track) {
    auto created = Decoder::create(track);
    REQUIRE(created.has_value());
    decoder = std::move(created).value();
  }
  void push(const EncodedPacket& packet) {
    decoder->push(packet, [this](Frame frame) { frames.push_back(std::move(frame)); });
  }
  void push(const std::vector<EncodedPacket>& packets) {
    for (const auto& packet : packets) push(packet);
  }
  void drain() {
    decoder->drain([this](Frame frame) { frames.push_back(std::move(frame)); });
  }
  std::unique_ptr<Decoder> decoder;
  std::vector<Frame> frames;
};

/// A GOP of `frames` of which none but the first opens a segment.
std::vector<EncodedPacket> small_clip(int frames, int gop, int b_frames = 0) {
  return test::make_clip({.width = 80,
                          .height = 44,
                          .frames = frames,
                          .gop = gop,
                          .b_frames = b_frames,
                          .open_every = frames});
}

/// Temporal units of AV1, each with its own sequence header where it is a key frame.
std::vector<EncodedPacket> av1_clip(int frames) {
  AVCodecContext* context = avcodec_alloc_context3(avcodec_find_encoder_by_name("libaom-av1"));
  REQUIRE(context != nullptr);
  context->width = context->height = 64;
  context->pix_fmt = AV_PIX_FMT_YUV420P;
  context->time_base = {1, 30};
  context->thread_count = 1;
  av_opt_set(context->priv_data, "usage", "realtime", 0);
  av_opt_set_int(context->priv_data, "cpu-used", 8, 0);
  av_opt_set_int(context->priv_data, "lag-in-frames", 0, 0);
  REQUIRE(avcodec_open2(context, nullptr, nullptr) == 0);
  TrackInfo track;
  track.codec = Codec::kAv1;
  const auto shared_track = std::make_shared<const TrackInfo>(track);
  std::vector<EncodedPacket> packets;
  AVPacket* packet = av_packet_alloc();
  for (int number = 0; number < frames; ++number) {
    auto picture = test::make_picture(64, 64, number);
    picture->pts = number;
    REQUIRE(avcodec_send_frame(context, picture.get()) == 0);
    while (avcodec_receive_packet(context, packet) == 0) {
      EncodedPacket made;
      made.track = shared_track;
      made.payload =
          Bytes::copy_of(std::span(packet->data, static_cast<std::size_t>(packet->size)));
      made.pts = made.dts = packet->pts * 33ms;
      packets.push_back(std::move(made));
      av_packet_unref(packet);
    }
  }
  av_packet_free(&packet);
  avcodec_free_context(&context);
  return packets;
}

}  // namespace

TEST_CASE("where nothing is reordered each picture comes out with its packet", "[decoder]") {
  const auto clip = GENERATE(small_clip(12, 6), av1_clip(6));
  Output output(clip[0].track);
  for (std::size_t i = 0; i < clip.size(); ++i) {
    output.push(clip[i]);
    REQUIRE(output.frames.size() == i + 1);
    CHECK(output.frames[i].picture.pts == clip[i].pts);
  }
  output.drain();
  CHECK(output.frames.size() == clip.size());
  CHECK(output.decoder->errors() == 0);
}

TEST_CASE("pictures come out in order of presentation, the last ones when drained", "[decoder]") {
  const auto clip = small_clip(20, 10, 2);
  Output output(clip[0].track);
  output.push(clip);
  CHECK(output.frames.size() < clip.size());
  output.drain();
  REQUIRE(output.frames.size() == clip.size());
  std::vector<MediaTime> expected;
  for (const auto& packet : clip) expected.push_back(packet.pts);
  REQUIRE_FALSE(std::is_sorted(expected.begin(), expected.end()));
  std::sort(expected.begin(), expected.end());
  for (std::size_t i = 0; i < clip.size(); ++i) {
    CHECK(output.frames[i].picture.pts == expected[i]);
    CHECK(output.frames[i].planes->width == 80);
    CHECK(output.frames[i].source == clip[0].track);
  }
}

TEST_CASE("a picture has what its packet said, and the duration of its place", "[decoder]") {
  auto clip = small_clip(12, 12, 2);
  for (std::size_t i = 0; i < clip.size(); ++i) {
    const auto number = static_cast<SegmentNumber>(i);
    clip[i].duration = std::chrono::milliseconds(10 + i);  // In decoding order.
    clip[i].opens_segment = number;
    clip[i].starts_discontinuity = i % 2 == 0;
    clip[i].follows_gap = i % 3 == 0;
    clip[i].received_at += std::chrono::seconds(i);
  }
  Output output(clip[0].track);
  output.push(clip);
  output.drain();
  REQUIRE(output.frames.size() == clip.size());
  for (std::size_t i = 0; i < clip.size(); ++i) {
    const auto& picture = output.frames[i].picture;
    const auto packet = std::find_if(clip.begin(), clip.end(), [&picture](const auto& candidate) {
      return candidate.pts == picture.pts;
    });
    REQUIRE(packet != clip.end());
    CHECK(picture.duration == std::chrono::milliseconds(10 + i));
    CHECK(picture.opens_segment == packet->opens_segment);
    CHECK(picture.starts_discontinuity == packet->starts_discontinuity);
    CHECK(picture.follows_gap == packet->follows_gap);
    CHECK(picture.received_at == packet->received_at);
  }
}

TEST_CASE("what an undecodable packet said of its picture goes to the next one", "[decoder]") {
  auto clip = small_clip(20, 5);
  clip[5].payload = Bytes::copy_of("not a picture");
  clip[5].opens_segment = 7;
  clip[5].starts_discontinuity = true;
  for (int i = 6; i < 10; ++i) clip[static_cast<std::size_t>(i)].payload = clip[5].payload;
  Output output(clip[0].track);
  output.push(clip);
  CHECK(output.decoder->errors() == 5);
  REQUIRE(output.frames.size() == 15);
  CHECK(output.frames[5].picture.pts == clip[10].pts);
  CHECK(output.frames[5].picture.opens_segment == SegmentNumber{7});
  CHECK(output.frames[5].picture.starts_discontinuity);
  CHECK(output.frames[5].picture.follows_gap);
  CHECK_FALSE(output.frames[6].picture.opens_segment);
  CHECK_FALSE(output.frames[6].picture.follows_gap);
}

TEST_CASE("a segment that opens in a long run of undecodable packets is not forgotten",
          "[decoder]") {
  auto clip = small_clip(110, 100);
  clip[1].opens_segment = 7;
  clip[1].starts_discontinuity = true;
  for (std::size_t i = 1; i < 100; ++i) clip[i].payload = Bytes::copy_of("not a picture");
  Output output(clip[0].track);
  output.push(clip);
  REQUIRE(output.frames.size() == 11);
  CHECK(output.frames[1].picture.pts == clip[100].pts);
  CHECK(output.frames[1].picture.duration == clip[100].duration);
  CHECK(output.frames[1].picture.opens_segment == SegmentNumber{7});
  CHECK(output.frames[1].picture.starts_discontinuity);
  CHECK(output.frames[1].picture.follows_gap);

  clip[1].opens_segment.reset();
  clip[1].follows_gap = true;
  Output behind_gap(clip[0].track);
  behind_gap.push(clip);
  CHECK(behind_gap.frames.at(1).picture.follows_gap);
}

TEST_CASE("a packet without a payload is undecodable, not the end", "[decoder]") {
  auto clip = small_clip(20, 5);
  clip[7].payload = Bytes();
  Output output(clip[0].track);
  output.push(clip);
  CHECK(output.decoder->errors() == 1);
  CHECK(output.frames.size() == 19);
}

TEST_CASE("pictures larger than the highest level allows are not decoded", "[decoder]") {
  const auto clip = test::make_clip({.width = 8464, .height = 4608, .frames = 1, .gop = 1});
  Output output(clip[0].track);
  output.push(clip);
  output.drain();
  CHECK(output.decoder->errors() == 1);
  CHECK(output.frames.empty());
}

TEST_CASE("a codec that is no video's is unsupported", "[decoder]") {
  TrackInfo track;
  track.codec = Codec::kAac;
  const auto created = Decoder::create(std::make_shared<const TrackInfo>(track));
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("parameters that the decoder does not take are invalid", "[decoder]") {
  TrackInfo track;
  track.codec = Codec::kHevc;
  track.codec_configuration = Bytes::copy_of("\1 no configuration record, by far");
  const auto created = Decoder::create(std::make_shared<const TrackInfo>(track));
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().code == ErrorCode::kInvalidData);
}
