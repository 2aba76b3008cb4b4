#include "ingest/gst/sample_reader.h"

#include <gst/gst.h>

#include <string_view>
#include <utility>

#include "ingest/rtmp/nal_units.h"
#include "media/codec_configuration.h"

namespace millrace::ingest {
namespace {

/// Time since the pipeline started to run; encoders shift buffer times and the segment alike (x264
/// by 1000 hours, to have room for a negative dts).
std::optional<MediaTime> running_time(const GstSegment* segment, GstClockTime time) {
  if (!GST_CLOCK_TIME_IS_VALID(time)) return std::nullopt;
  guint64 magnitude = 0;
  const int sign = gst_segment_to_running_time_full(segment, GST_FORMAT_TIME, time, &magnitude);
  if (sign == 0) return std::nullopt;
  return MediaTime(sign * static_cast<std::int64_t>(magnitude));
}

Result<Bytes> codec_data(const GstStructure* structure) {
  const GValue* value = gst_structure_get_value(structure, "codec_data");
  GstBuffer* buffer = value ? gst_value_get_buffer(value) : nullptr;
  if (!buffer) return Error{ErrorCode::kInvalidData, "gst: caps have no codec_data"};
  MutableBytes bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return Bytes(std::move(bytes));
}

Result<TrackInfo> read_track(const GstStructure* structure) {
  const std::string_view name = gst_structure_get_name(structure);
  ASSIGN_OR_RETURN(Bytes configuration, codec_data(structure));
  if (name == "video/x-h264") return parse_avc_configuration(std::move(configuration));
  if (name == "video/x-h265") return parse_hevc_configuration(std::move(configuration));
  if (name == "video/x-av1") return parse_av1_configuration(std::move(configuration));
  if (name == "audio/mpeg") return parse_aac_configuration(std::move(configuration));
  return Error{ErrorCode::kUnsupported, "gst: cannot take " + std::string(name)};
}

/// By the bits where they say it: parsers take any picture of I slices for a key frame.
Result<bool> is_key_frame(GstBuffer* buffer, const SourcePacket& packet) {
  const bool is_marked = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  const Codec codec = packet.track->codec;
  if (codec != Codec::kH264 && codec != Codec::kHevc) return is_marked;
  return is_random_access_picture(codec, packet.payload);
}

}  // namespace

SampleReader::~SampleReader() {
  if (caps_) gst_caps_unref(caps_);
}

Status SampleReader::read_caps(GstCaps* caps) {
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  ASSIGN_OR_RETURN(TrackInfo track, read_track(structure));
  if (!track_ || *track_ != track) track_ = std::make_shared<const TrackInfo>(std::move(track));
  gst_caps_replace(&caps_, caps);
  return ok();
}

Result<std::optional<SourcePacket>> SampleReader::read(
    GstSample* sample, std::chrono::steady_clock::time_point received_at) {
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  if (!buffer || gst_buffer_get_size(buffer) == 0) return std::optional<SourcePacket>();
  GstCaps* caps = gst_sample_get_caps(sample);
  if (!caps) return Error{ErrorCode::kInvalidData, "gst: a buffer came before its caps"};
  if (caps != caps_) RETURN_IF_ERROR(read_caps(caps));

  const GstSegment* segment = gst_sample_get_segment(sample);
  const auto pts = running_time(segment, GST_BUFFER_PTS(buffer));
  const auto dts = running_time(segment, GST_BUFFER_DTS(buffer));
  if (!pts && !dts) return Error{ErrorCode::kInvalidData, "gst: a buffer has no time"};

  SourcePacket packet;
  packet.track = track_;
  packet.dts = dts ? *dts : *pts;
  packet.pts = pts ? *pts : *dts;
  packet.received_at = received_at;
  MutableBytes payload(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, payload.data(), payload.size());
  packet.payload = Bytes(std::move(payload));
  ASSIGN_OR_RETURN(packet.is_key_frame, is_key_frame(buffer, packet));
  return std::optional(std::move(packet));
}

}  // namespace millrace::ingest
