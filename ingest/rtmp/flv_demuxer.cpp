#include "ingest/rtmp/flv_demuxer.h"

#include "ingest/rtmp/nal_units.h"
#include "media/codec_configuration.h"

namespace millrace::ingest {
namespace {

Result<TrackInfo> parse_configuration(Codec codec, Bytes configuration) {
  switch (codec) {
    case Codec::kH264:
      return parse_avc_configuration(std::move(configuration));
    case Codec::kHevc:
      return parse_hevc_configuration(std::move(configuration));
    case Codec::kAv1:
      return parse_av1_configuration(std::move(configuration));
    case Codec::kAac:
      return parse_aac_configuration(std::move(configuration));
  }
  return Error{ErrorCode::kUnsupported, "flv: an unknown codec"};
}

}  // namespace

Result<std::optional<SourcePacket>> FlvDemuxer::push_video(std::uint32_t timestamp,
                                                           const Bytes& body,
                                                           TimePoint received_at) {
  ASSIGN_OR_RETURN(FlvTag tag, parse_video_tag(body));
  return push(timestamp, std::move(tag), video_, received_at);
}

Result<std::optional<SourcePacket>> FlvDemuxer::push_audio(std::uint32_t timestamp,
                                                           const Bytes& body,
                                                           TimePoint received_at) {
  ASSIGN_OR_RETURN(FlvTag tag, parse_audio_tag(body));
  return push(timestamp, std::move(tag), audio_, received_at);
}

Status FlvDemuxer::configure(const FlvTag& tag, std::shared_ptr<const TrackInfo>& track) {
  // FFmpeg that copies a transport stream announces its AAC before it knows it: an empty record
  // first, the real one with the first frame.
  if (tag.payload.empty()) return ok();
  if (track && track->codec == tag.codec && track->codec_configuration == tag.payload) return ok();
  // Copied: the record lives as long as the track, its message need not.
  ASSIGN_OR_RETURN(TrackInfo info,
                   parse_configuration(tag.codec, Bytes::copy_of(tag.payload.span())));
  track = std::make_shared<const TrackInfo>(std::move(info));
  return ok();
}

Result<std::optional<SourcePacket>> FlvDemuxer::push(std::uint32_t timestamp, FlvTag tag,
                                                     std::shared_ptr<const TrackInfo>& track,
                                                     TimePoint received_at) {
  if (tag.content == FlvContent::kConfiguration) {
    RETURN_IF_ERROR(configure(tag, track));
    return std::optional<SourcePacket>();
  }
  if (tag.content != FlvContent::kFrame || tag.payload.empty() || !track ||
      track->codec != tag.codec)
    return std::optional<SourcePacket>();

  SourcePacket packet;
  packet.is_key_frame = tag.is_key_frame;
  // What the encoder calls a key frame may be a recovery point that players cannot start at.
  if (tag.codec == Codec::kH264 || tag.codec == Codec::kHevc) {
    ASSIGN_OR_RETURN(packet.is_key_frame, is_random_access_picture(tag.codec, tag.payload));
  }
  packet.track = track;
  packet.payload = std::move(tag.payload);
  packet.dts = timestamps_.unwrap(timestamp);
  packet.pts = packet.dts + std::chrono::milliseconds(tag.composition_offset);
  packet.received_at = received_at;
  return std::optional(std::move(packet));
}

}  // namespace millrace::ingest
