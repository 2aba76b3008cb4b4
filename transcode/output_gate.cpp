#include "transcode/output_gate.h"

#include <fmt/format.h>

#include "media/codec_configuration.h"

namespace millrace::transcode {
namespace {

// Behind a restart the last B-frames may be missing, three of them: a hole as long is no gap.
constexpr int kMaxMissingPictures = 4;
// A variable rate's pictures may come earlier than foretold: decode times do not follow.
constexpr MediaTime kTolerance = std::chrono::milliseconds(100);

Result<TrackInfo> parse_configuration(const TrackInfo& track) {
  switch (track.codec) {
    case Codec::kHevc:
      return parse_hevc_configuration(track.codec_configuration);
    case Codec::kAv1:
      return parse_av1_configuration(track.codec_configuration);
    default:
      return parse_avc_configuration(track.codec_configuration);
  }
}

}  // namespace

void OutputGate::begin_worker() {
  is_waiting_ = true;
  track_.reset();
}

Status OutputGate::set_track(TrackInfo track) {
  if (track.codec != rung_.codec || track.video.width != rung_.width ||
      track.video.height != rung_.height)
    return Error{ErrorCode::kInvalidData,
                 fmt::format("rung {} is announced as {} {}x{}", rung_.name, to_string(track.codec),
                             track.video.width, track.video.height)};
  // The worker's word for the parameters is not enough: viewers get this record.
  const auto parsed = parse_configuration(track);
  if (!parsed.has_value()) return parsed.error();
  if (delivered_track_ && *delivered_track_ == track)
    track_ = delivered_track_;
  else
    track_ = std::make_shared<const TrackInfo>(std::move(track));
  return ok();
}

bool OutputGate::begins(EncodedPacket& packet) const {
  if (!packet.is_key_frame) return false;
  if (!delivered_pts_) return packet.opens_segment.has_value();
  if (packet.pts <= *delivered_pts_) return false;
  const MediaTime hole = packet.dts - end_;
  const bool is_next = track_ == delivered_track_ && hole >= MediaTime::zero() &&
                       hole <= kMaxMissingPictures * packet.duration;
  if (is_next && !packet.follows_gap) {
    packet.dts = end_;
    packet.duration += hole;
    return true;
  }
  packet.follows_gap = true;
  return packet.opens_segment.has_value() && packet.dts >= end_;
}

Result<std::optional<EncodedPacket>> OutputGate::pass(EncodedPacket packet) {
  if (!track_)
    return Error{ErrorCode::kInvalidData,
                 fmt::format("rung {}: a packet without a track", rung_.name)};
  packet.track = track_;
  if (is_waiting_ && !begins(packet)) return std::optional<EncodedPacket>();
  if (packet.pts < packet.dts - kTolerance || (delivered_pts_ && packet.dts < end_) ||
      (packet.opens_segment && !packet.is_key_frame))
    return Error{ErrorCode::kInvalidData, fmt::format("rung {}: packets out of order", rung_.name)};
  is_waiting_ = false;
  end_ = packet.dts + packet.duration;
  delivered_pts_ = delivered_pts_ ? std::max(*delivered_pts_, packet.pts) : packet.pts;
  delivered_track_ = track_;
  return std::optional(std::move(packet));
}

}  // namespace millrace::transcode
