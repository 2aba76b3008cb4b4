#include "ingest/rtmp/flv_tag.h"

#include <fmt/format.h>

#include <cctype>
#include <string>
#include <string_view>

namespace millrace::ingest {
namespace {

constexpr std::uint8_t kExtendedHeader = 0x80;  // Enhanced RTMP, "isExVideoHeader".
constexpr int kKeyFrame = 1;                    // E.4.3.1, FrameType.
constexpr int kCommandFrame = 5;
constexpr int kCodecAvc = 7;   // E.4.3.1, CodecID.
constexpr int kFormatMp3 = 2;  // E.4.2.1, SoundFormat.
constexpr int kFormatAac = 10;
constexpr int kFormatMp3At8kHz = 14;
constexpr int kFormatExtended = 9;  // Enhanced RTMP, "ExHeader".
// A message with more tracks is nothing that an encoder sends.
constexpr std::size_t kMaxTracks = 16;

// Enhanced RTMP v2: VideoPacketType, and AudioPacketType where it is the same.
enum PacketType {
  kSequenceStart = 0,
  kCodedFrames = 1,
  kSequenceEnd = 2,
  kCodedFramesX = 3,
  kVideoMetadata = 4,
  kAudioChannels = 4,  // MultichannelConfig: the codec's own configuration says it too.
  kAudioTracks = 5,
  kVideoTracks = 6,
  kModifier = 7,
};

// AvMultitrackType.
enum TrackLayout { kOneTrack = 0, kManyTracks = 1, kManyTracksManyCodecs = 2 };

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
    case 4:
    case 5:
    case 6:
      return "Nellymoser audio";
    case 7:
    case 8:
      return "G.711 audio";
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

std::size_t read_unsigned(const Bytes& body, std::size_t at, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | body[at + i];
  return value;
}

/// Where one track's part of a message lies.
struct Part {
  int track = 0;
  std::string_view four_cc;
  Bytes payload;
};

/// What stands in front of the codec's own bytes in an extended message, beginning behind its first
/// byte. `packet_type` becomes that of the parts.
Result<std::vector<Part>> read_parts(const Bytes& body, int& packet_type, int tracks_type,
                                     const char* kind) {
  std::size_t at = 1;
  const auto has = [&](std::size_t count) { return body.size() - at >= count; };
  while (packet_type == kModifier) {
    if (!has(3)) return ends_early(kind);
    std::size_t size = body[at++] + 1u;
    if (size == 256) {
      size = read_unsigned(body, at, 2) + 1;
      at += 2;
    }
    if (!has(size + 1)) return ends_early(kind);
    at += size;  // A nanosecond offset, or what is not known here.
    packet_type = body[at++] & 0x0F;
  }
  const bool has_tracks = packet_type == tracks_type;
  int layout = kOneTrack;
  if (has_tracks) {
    if (!has(1)) return ends_early(kind);
    layout = body[at] >> 4;
    packet_type = body[at++] & 0x0F;
    if (layout > kManyTracksManyCodecs || packet_type == tracks_type || packet_type == kModifier)
      return unsupported(fmt::format("{} of this layout of tracks", kind));
  }
  std::string_view four_cc;
  const auto read_four_cc = [&] {
    four_cc = body.text().substr(at, 4);
    at += 4;
  };
  if (layout != kManyTracksManyCodecs) {
    if (!has(4)) return ends_early(kind);
    read_four_cc();
  }
  if (!has_tracks) return std::vector<Part>{{0, four_cc, body.slice(at)}};
  std::vector<Part> parts;
  while (at < body.size()) {
    const std::size_t needed =
        (layout == kManyTracksManyCodecs ? 4u : 0u) + 1u + (layout == kOneTrack ? 0u : 3u);
    if (!has(needed) || parts.size() == kMaxTracks) return ends_early(kind);
    if (layout == kManyTracksManyCodecs) read_four_cc();
    const int track = body[at++];
    std::size_t size = body.size() - at;
    if (layout != kOneTrack) {
      size = read_unsigned(body, at, 3);
      at += 3;
    }
    if (!has(size)) return ends_early(kind);
    parts.push_back({track, four_cc, body.slice(at, size)});
    at += size;
  }
  return parts;
}

Result<FlvTag> read_video_part(const Part& part, int packet_type) {
  FlvTag tag;
  tag.track = part.track;
  tag.payload = part.payload;
  if (part.four_cc == "avc1") {
    tag.codec = Codec::kH264;
  } else if (part.four_cc == "hvc1") {
    tag.codec = Codec::kHevc;
  } else if (part.four_cc == "av01") {
    tag.codec = Codec::kAv1;
  } else {
    return unsupported("video " + printable(part.four_cc));
  }
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
        if (part.payload.size() < 3) return ends_early("video");
        tag.composition_offset = read_s24(part.payload, 0);
        tag.payload = part.payload.slice(3);
      }
      break;
    case kCodedFramesX:  // As kCodedFrames with a composition time of zero.
      tag.content = FlvContent::kFrame;
      break;
    default:
      return unsupported(fmt::format("video packet type {}", packet_type));
  }
  return tag;
}

Result<FlvTag> read_audio_part(const Part& part, int packet_type) {
  FlvTag tag;
  tag.track = part.track;
  tag.payload = part.payload;
  tag.is_key_frame = true;
  if (part.four_cc == "mp4a") {
    tag.codec = Codec::kAac;
  } else if (part.four_cc == "Opus") {
    tag.codec = Codec::kOpus;
  } else if (part.four_cc == "ac-3") {
    tag.codec = Codec::kAc3;
  } else if (part.four_cc == ".mp3") {
    tag.codec = Codec::kMp3;
  } else {
    return unsupported("audio " + printable(part.four_cc));
  }
  if (packet_type == kSequenceStart) tag.content = FlvContent::kConfiguration;
  if (packet_type == kCodedFrames) tag.content = FlvContent::kFrame;
  if (packet_type == kSequenceEnd) tag.content = FlvContent::kEndOfSequence;
  return tag;
}

/// A further track that cannot be taken is one that says so; the main one ends the publisher.
template <typename Read>
Result<std::vector<FlvTag>> read_all(const std::vector<Part>& parts, Read read) {
  std::vector<FlvTag> tags;
  for (const Part& part : parts) {
    auto tag = read(part);
    if (tag.has_value()) {
      tags.push_back(std::move(tag).value());
    } else if (part.track == 0) {
      return tag.error();
    } else {
      FlvTag bad;
      bad.content = FlvContent::kUnsupported;
      bad.track = part.track;
      bad.problem = tag.error().message;
      tags.push_back(std::move(bad));
    }
  }
  return tags;
}

Result<std::vector<FlvTag>> parse_extended_video_tags(const Bytes& body) {
  int packet_type = body[0] & 0x0F;
  const int frame_type = body[0] >> 4 & 0x07;
  if (packet_type == kVideoMetadata || frame_type == kCommandFrame) return std::vector<FlvTag>();
  ASSIGN_OR_RETURN(const auto parts, read_parts(body, packet_type, kVideoTracks, "video"));
  if (packet_type == kVideoMetadata) return std::vector<FlvTag>();
  return read_all(parts, [&](const Part& part) -> Result<FlvTag> {
    ASSIGN_OR_RETURN(FlvTag tag, read_video_part(part, packet_type));
    tag.is_key_frame = frame_type == kKeyFrame;
    return tag;
  });
}

Result<std::vector<FlvTag>> parse_extended_audio_tags(const Bytes& body) {
  int packet_type = body[0] & 0x0F;
  ASSIGN_OR_RETURN(const auto parts, read_parts(body, packet_type, kAudioTracks, "audio"));
  if (packet_type == kAudioChannels) return std::vector<FlvTag>();
  return read_all(parts, [&](const Part& part) { return read_audio_part(part, packet_type); });
}

std::vector<FlvTag> only(FlvTag tag) {
  std::vector<FlvTag> tags;
  tags.push_back(std::move(tag));
  return tags;
}

}  // namespace

Result<std::vector<FlvTag>> parse_video_tags(const Bytes& body) {
  if (body.empty()) return ends_early("video");
  if ((body[0] & kExtendedHeader) != 0) return parse_extended_video_tags(body);
  FlvTag tag;
  const int frame_type = body[0] >> 4;
  const int codec = body[0] & 0x0F;
  if (frame_type == kCommandFrame) return std::vector<FlvTag>();
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
      return std::vector<FlvTag>();
  }
  tag.payload = body.slice(kHeaderSize);
  return only(std::move(tag));
}

Result<std::vector<FlvTag>> parse_audio_tags(const Bytes& body) {
  if (body.empty()) return ends_early("audio");
  FlvTag tag;
  tag.is_key_frame = true;
  const int format = body[0] >> 4;
  if (format == kFormatExtended) return parse_extended_audio_tags(body);
  if (format == kFormatMp3 || format == kFormatMp3At8kHz) {
    tag.codec = Codec::kMp3;
    tag.content = FlvContent::kFrame;
    tag.payload = body.slice(1);
    return only(std::move(tag));
  }
  if (format != kFormatAac) return unsupported(audio_codec_name(format));
  if (body.size() < 2) return ends_early("audio");
  tag.codec = Codec::kAac;
  if (body[1] > 1) return std::vector<FlvTag>();  // E.4.2.2, AACPacketType.
  tag.content = body[1] == 0 ? FlvContent::kConfiguration : FlvContent::kFrame;
  tag.payload = body.slice(2);
  return only(std::move(tag));
}

}  // namespace millrace::ingest
