#include "ingest/rtmp/flv_demuxer.h"

#include <utility>

#include "ingest/rtmp/nal_units.h"
#include "media/codec_configuration.h"
#include "media/opus.h"

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
    case Codec::kOpus:
      return parse_opus_head(configuration.span());
    case Codec::kMp2:
    case Codec::kMp3:
    case Codec::kAc3:
      break;  // Their frames say what they are.
  }
  return Error{ErrorCode::kUnsupported, "flv: an unknown codec"};
}

bool says_itself(Codec codec) {
  return codec == Codec::kMp3 || codec == Codec::kAc3;
}

}  // namespace

Status FlvDemuxer::push_video(std::uint32_t timestamp, const Bytes& body, TimePoint received_at,
                              const Take& take) {
  return push(timestamp, parse_video_tags(body), video_, received_at, take);
}

Status FlvDemuxer::push_audio(std::uint32_t timestamp, const Bytes& body, TimePoint received_at,
                              const Take& take) {
  return push(timestamp, parse_audio_tags(body), audio_, received_at, take);
}

Status FlvDemuxer::push(std::uint32_t timestamp, Result<std::vector<FlvTag>> tags, Tracks& tracks,
                        TimePoint received_at, const Take& take) {
  if (!tags.has_value()) return std::move(tags).error();
  for (FlvTag& tag : tags.value()) {
    Track* const track = find_or_add(tracks, tag.track);
    if (track == nullptr || track->is_left_out) continue;
    if (tag.content == FlvContent::kUnsupported) {
      leave_out(*track, tag.problem);
      continue;
    }
    const bool is_main = tag.track == 0;
    Status taken = ok();
    Status status =
        push_tag(timestamp, std::move(tag), *track, received_at, [&](SourcePacket packet) {
          taken = take(std::move(packet));
          return taken;
        });
    RETURN_IF_ERROR(std::move(taken));
    if (status.has_value()) continue;
    if (is_main) return status;
    leave_out(*track, status.error().message);
  }
  return ok();
}

FlvDemuxer::Track* FlvDemuxer::find_or_add(Tracks& tracks, int number) {
  if (number == 0) tracks[0].number = 0;
  for (Track& track : tracks)
    if (track.number == number) return &track;
  for (std::size_t i = 1; i < tracks.size(); ++i) {
    if (tracks[i].number >= 0) continue;
    tracks[i].number = number;
    tracks[i].index = static_cast<int>(i);
    return &tracks[i];
  }
  if (problem_.empty()) problem_ = "flv: more than eight tracks of a kind";
  return nullptr;
}

void FlvDemuxer::leave_out(Track& track, const std::string& why) {
  track.is_left_out = true;
  if (problem_.empty()) problem_ = why;
}

Status FlvDemuxer::configure(const FlvTag& tag, Track& track) {
  // FFmpeg that copies a transport stream announces its AAC before it knows it: an empty record
  // first, the real one with the first frame.
  if (tag.payload.empty() || says_itself(tag.codec)) return ok();
  // Copied: the record lives as long as the track, its message need not.
  ASSIGN_OR_RETURN(TrackInfo info,
                   parse_configuration(tag.codec, Bytes::copy_of(tag.payload.span())));
  info.index = track.index;
  if (!track.info || *track.info != info)
    track.info = std::make_shared<const TrackInfo>(std::move(info));
  return ok();
}

Status FlvDemuxer::push_tag(std::uint32_t timestamp, FlvTag tag, Track& track,
                            TimePoint received_at, const Take& take) {
  if (tag.content == FlvContent::kConfiguration) return configure(tag, track);
  if (tag.content != FlvContent::kFrame || tag.payload.empty()) return ok();
  // Of frames alone: a configuration that comes again may have any.
  const MediaTime time = timestamps_.unwrap(timestamp);
  if (says_itself(tag.codec)) return push_frames(time, tag, track, received_at, take);
  if (!track.info || track.info->codec != tag.codec) return ok();

  SourcePacket packet;
  packet.is_key_frame = tag.is_key_frame;
  // What the encoder calls a key frame may be a recovery point that players cannot start at.
  if (tag.codec == Codec::kH264 || tag.codec == Codec::kHevc) {
    ASSIGN_OR_RETURN(packet.is_key_frame, is_random_access_picture(tag.codec, tag.payload));
  }
  packet.track = track.info;
  packet.payload = std::move(tag.payload);
  packet.dts = time;
  packet.pts = packet.dts + std::chrono::milliseconds(tag.composition_offset);
  packet.received_at = received_at;
  return take(std::move(packet));
}

/// Frames of MP3 or AC-3, whose headers are all there is; a message has whole ones.
Status FlvDemuxer::push_frames(MediaTime time, const FlvTag& tag, Track& track,
                               TimePoint received_at, const Take& take) {
  if (!track.frames || !track.info || track.info->codec != tag.codec) {
    track.frames = tag.codec == Codec::kMp3 ? create_mpeg_audio_frames() : create_ac3_frames();
    track.info.reset();
    track.unlabelled.reset();
  }
  std::int64_t samples = 0;
  Status status = track.frames->push(
      tag.payload.span(), [&](const auto& info, std::span<const std::uint8_t> frame, bool) {
        if (info != track.unlabelled) {
          track.unlabelled = info;
          TrackInfo labelled = *info;
          labelled.index = track.index;
          track.info = std::make_shared<const TrackInfo>(std::move(labelled));
        }
        SourcePacket packet;
        packet.track = track.info;
        packet.payload = Bytes::copy_of(frame);
        packet.dts = packet.pts = time + from_ticks(samples, info->audio.sample_rate);
        packet.is_key_frame = true;
        packet.received_at = received_at;
        samples += info->audio.samples_per_frame;
        return take(std::move(packet));
      });
  track.frames->reset();
  return status;
}

}  // namespace millrace::ingest
