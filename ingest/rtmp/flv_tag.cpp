#include "ingest/rtmp/flv_tag.h"

#include <fmt/format.h>

#include <cctype>
#include <string>

namespace millrace::ingest {
namespace {

constexpr std::uint8_t kExtendedHeader = 0x80;  // Enhanced RTMP, "IsExHeader".
constexpr int kKeyFrame = 1;                    // E.4.3.1, FrameType.
constexpr int kCommandFrame = 5;
constexpr int kCodecAvc = 7;    // E.4.3.1, CodecID.
constexpr int kFormatAac = 10;  // E.4.2.1, SoundFormat.

// Enhanced RTMP v1, VideoPacketType.
enum PacketType {
  kSequenceStart = 0,
  kCodedFrames = 1,
  kSequenceEnd = 2,
  kCodedFramesX = 3,
  kMetadata = 4,
};

Error ends_early(const char* what) {
  return Error{ErrorCode::kInvalidData, fmt::format("flv: {} tag ends early", what)};
}

Error unsupported(std::string what) {
  return Error{ErrorCode::kUnsupported, "flv: " + std::move(what) + " is not supported"};
}

const char* video_codec_name(int codec) {
  switch (codec) {
    case 2:
      return "Sorenson H.263 video";
    case 3:
      return "Screen video";
    case 4:
      return "VP6 video";
    case 5:
      return "VP6 video with alpha";
    case 6:
      return "Screen video 2";
    case 12:
      return "HEVC video under codec id 12 (send Enhanced RTMP)";
    default:
      return "this video codec";
  }
}

const char* audio_codec_name(int format) {
  switch (format) {
    case 0:
    case 3:
      return "PCM audio";
    case 1:
      return "ADPCM audio";
    case 2:
    case 14:
      return "MP3 audio";
    case 4:
    case 5:
    case 6:
      return "Nellymoser audio";
    case 7:
    case 8:
      return "G.711 audio";
    case 9:
      return "audio with an Enhanced RTMP header";
    case 11:
      return "Speex audio";
    default:
      return "this audio codec";
  }
}

// SI24: two's complement.
std::int32_t read_s24(const Bytes& body, std::size_t at) {
  const auto value = static_cast<std::uint32_t>(body[at]) << 24 |
                     static_cast<std::uint32_t>(body[at + 1]) << 16 |
                     static_cast<std::uint32_t>(body[at + 2]) << 8;
  return static_cast<std::int32_t>(value) >> 8;
}

std::string printable(std::string_view four_cc) {
  std::string text;
  for (const char c : four_cc) text += std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '.';
  return text;
}

Result<FlvTag> parse_extended_video_tag(const Bytes& body) {
  constexpr std::size_t kHeaderSize = 5;  // Flags and FourCC.
  if (body.size() < kHeaderSize) return ends_early("video");
  FlvTag tag;
  const int packet_type = body[0] & 0x0F;
  const int frame_type = body[0] >> 4 & 0x07;
  if (packet_type == kMetadata || frame_type == kCommandFrame) return tag;
  const auto four_cc = body.text().substr(1, 4);
  if (four_cc == "avc1") {
    tag.codec = Codec::kH264;
  } else if (four_cc == "hvc1") {
    tag.codec = Codec::kHevc;
  } else if (four_cc == "av01") {
    tag.codec = Codec::kAv1;
  } else {
    return unsupported("video " + printable(four_cc));
  }
  tag.is_key_frame = frame_type == kKeyFrame;
  std::size_t offset = kHeaderSize;
  switch (packet_type) {
    case kSequenceStart:
      tag.content = FlvContent::kConfiguration;
      break;
    case kSequenceEnd:
      tag.content = FlvContent::kEndOfSequence;
      break;
    case kCodedFrames:
      tag.content = FlvContent::kFrame;
      if (tag.codec != Codec::kAv1) {  // Only the codecs that reorder have a composition time.
        if (body.size() < kHeaderSize + 3) return ends_early("video");
        tag.composition_offset = read_s24(body, kHeaderSize);
        offset += 3;
      }
      break;
    case kCodedFramesX:  // As kCodedFrames with a composition time of zero.
      tag.content = FlvContent::kFrame;
      break;
    default:
      return unsupported(fmt::format("video packet type {}", packet_type));
  }
  tag.payload = body.slice(offset);
  return tag;
}

}  // namespace

Result<FlvTag> parse_video_tag(const Bytes& body) {
  if (body.empty()) return ends_early("video");
  if ((body[0] & kExtendedHeader) != 0) return parse_extended_video_tag(body);
  FlvTag tag;
  const int frame_type = body[0] >> 4;
  const int codec = body[0] & 0x0F;
  if (frame_type == kCommandFrame) return tag;
  if (codec != kCodecAvc) return unsupported(video_codec_name(codec));
  constexpr std::size_t kHeaderSize = 5;  // Flags, AVCPacketType, CompositionTime.
  if (body.size() < kHeaderSize) return ends_early("video");
  tag.is_key_frame = frame_type == kKeyFrame;
  switch (body[1]) {  // E.4.3.1, AVCPacketType.
    case 0:
      tag.content = FlvContent::kConfiguration;
      break;
    case 1:
      tag.content = FlvContent::kFrame;
      tag.composition_offset = read_s24(body, 2);
      break;
    case 2:
      tag.content = FlvContent::kEndOfSequence;
      break;
    default:
      return tag;
  }
  tag.payload = body.slice(kHeaderSize);
  return tag;
}

Result<FlvTag> parse_audio_tag(const Bytes& body) {
  if (body.empty()) return ends_early("audio");
  FlvTag tag;
  const int format = body[0] >> 4;
  if (format != kFormatAac) return unsupported(audio_codec_name(format));
  if (body.size() < 2) return ends_early("audio");
  tag.codec = Codec::kAac;
  tag.is_key_frame = true;
  if (body[1] > 1) return tag;  // E.4.2.2, AACPacketType.
  tag.content = body[1] == 0 ? FlvContent::kConfiguration : FlvContent::kFrame;
  tag.payload = body.slice(2);
  return tag;
}

}  // namespace millrace::ingest
