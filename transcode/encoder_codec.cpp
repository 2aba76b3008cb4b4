#include "transcode/encoder_codec.h"

#include <fmt/format.h>

#include <string>

#include "media/annex_b.h"
#include "media/configuration_records.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
}

namespace millrace::transcode {
namespace {

constexpr std::uint8_t kTemporalDelimiter[] = {0x12, 0x00};  // AV1 5.6, with its size.

Error unsupported(std::string_view what) {
  return Error{ErrorCode::kUnsupported, fmt::format("encoder: {}", what)};
}

bool set_option(AVCodecContext& context, const char* name, const std::string& value) {
  return av_opt_set(context.priv_data, name, value.c_str(), 0) >= 0;
}

// In all of them: key frames only where push() asks, and one thread but for a still of x265.

bool set_x264(AVCodecContext& context, const EncoderSettings& settings, bool is_constant_rate) {
  // annexb=0: NAL units with lengths, as the packets carry them.
  std::string text = "annexb=0:keyint=infinite:scenecut=0:open-gop=0:sliced-threads=0:stitchable=1";
  text += is_constant_rate ? ":force-cfr=1" : ":force-cfr=0";
  if (!settings.is_zero_latency)
    text += fmt::format(
        ":rc-lookahead={}:sync-lookahead=0:bframes={}:b-adapt={}:b-pyramid=none:mbtree=1",
        settings.lookahead_frames, settings.b_frames, settings.b_frames > 1 ? 1 : 0);
  // A key frame that is asked for is an IDR.
  return set_option(context, "preset", settings.preset) &&
         (!settings.is_zero_latency || set_option(context, "tune", "zerolatency")) &&
         set_option(context, "forced-idr", "1") && set_option(context, "x264-params", text);
}

/// x265's words for the messages of ISO/IEC 23008-2 D.2.28 and D.2.35.
std::string x265_hdr(const HdrMetadata& metadata) {
  std::string text;
  if (const auto& display = metadata.display)
    text +=
        fmt::format(":master-display=G({},{})B({},{})R({},{})WP({},{})L({},{})",
                    display->primaries[1][0], display->primaries[1][1], display->primaries[2][0],
                    display->primaries[2][1], display->primaries[0][0], display->primaries[0][1],
                    display->white[0], display->white[1], display->highest, display->lowest);
  if (const auto& light = metadata.light)
    text += fmt::format(":max-cll={},{}", light->highest, light->highest_average);
  return text;
}

bool set_x265(AVCodecContext& context, const EncoderSettings& settings,
              const HdrMetadata& metadata) {
  std::string text =
      "annexb=0:keyint=-1:scenecut=0:open-gop=0:bframes=0:repeat-headers=0:info=0:log-level=none";
  if (settings.is_still) {
    // Its rate control would go on refining a picture that does not move: 60 of 1080 lines took
    // 2.4 s, at a constant quality and on two threads they take 0.8 s.
    context.bit_rate = context.rc_max_rate = 0;
    context.rc_buffer_size = 0;
    text += ":qp=27:pools=2:frame-threads=2";
  } else {
    text += ":pools=none:frame-threads=1";
  }
  text += x265_hdr(metadata);
  return set_option(context, "preset", settings.preset) &&
         set_option(context, "tune", "zerolatency") && set_option(context, "forced-idr", "1") &&
         set_option(context, "x265-params", text);
}

/// libaom: SVT-AV1 hears nothing of the key frames that FFmpeg 5.1 is asked for.
bool set_aom(AVCodecContext& context, const EncoderSettings& settings) {
  context.gop_size = 9999;  // More is refused.
  return set_option(context, "usage", "realtime") &&
         set_option(context, "cpu-used", settings.preset) &&
         set_option(context, "lag-in-frames", "0") && set_option(context, "row-mt", "0");
}

/// Of the NAL units with 4-byte lengths, those of a type; `type_of` takes a unit's first byte.
template <typename TypeOf>
NalUnits units_of(std::span<const std::uint8_t> bytes, int type, TypeOf type_of) {
  NalUnits units;
  while (bytes.size() > 4) {
    std::size_t length = 0;
    for (const std::uint8_t byte : bytes.first(4)) length = length << 8 | byte;
    if (length > bytes.size() - 4 || length == 0) break;
    const auto unit = bytes.subspan(4, length);
    if (type_of(unit[0]) == type) units.emplace_back(unit.begin(), unit.end());
    bytes = bytes.subspan(4 + length);
  }
  return units;
}

NalUnits copies_of(const std::vector<std::span<const std::uint8_t>>& units) {
  NalUnits copies;
  for (const auto unit : units) copies.emplace_back(unit.begin(), unit.end());
  return copies;
}

int h264_type(std::uint8_t byte) {
  return byte & 31;
}
int hevc_type(std::uint8_t byte) {
  return byte >> 1 & 63;
}

}  // namespace

const char* encoder_name(Codec codec) {
  switch (codec) {
    case Codec::kH264:
      return "libx264";
    case Codec::kHevc:
      return "libx265";
    case Codec::kAv1:
      return "libaom-av1";
    default:
      return nullptr;
  }
}

Status set_codec_options(AVCodecContext& context, Codec codec, const EncoderSettings& settings,
                         bool is_constant_rate, const HdrMetadata& metadata) {
  const bool is_set = codec == Codec::kHevc  ? set_x265(context, settings, metadata)
                      : codec == Codec::kAv1 ? set_aom(context, settings)
                                             : set_x264(context, settings, is_constant_rate);
  if (!is_set) return unsupported(fmt::format("{} does not know an option", encoder_name(codec)));
  return ok();
}

bool has_start_codes(std::span<const std::uint8_t> headers) {
  constexpr std::uint8_t kStartCode[] = {0, 0, 0, 1};
  return headers.size() > sizeof(kStartCode) &&
         std::equal(std::begin(kStartCode), std::end(kStartCode), headers.begin());
}

Result<Bytes> configuration_of(Codec codec, std::span<const std::uint8_t> headers) {
  if (has_start_codes(headers) && codec != Codec::kAv1) {
    const AnnexBPicture units = parse_annex_b(codec, headers);
    return codec == Codec::kHevc
               ? make_hevc_configuration(copies_of(units.vps), copies_of(units.sps),
                                         copies_of(units.pps))
               : make_avc_configuration(copies_of(units.sps), copies_of(units.pps));
  }
  if (codec == Codec::kAv1) return make_av1_configuration(headers);
  if (codec == Codec::kHevc)
    return make_hevc_configuration(units_of(headers, 32, hevc_type),
                                   units_of(headers, 33, hevc_type),
                                   units_of(headers, 34, hevc_type));
  if (!headers.empty() && headers[0] == 1) return Bytes::copy_of(headers);  // Is one already.
  return make_avc_configuration(units_of(headers, 7, h264_type), units_of(headers, 8, h264_type));
}

std::vector<std::uint8_t> messages_of(Codec codec, std::span<const std::uint8_t> headers) {
  std::vector<std::uint8_t> messages;
  if (codec != Codec::kHevc) return messages;
  for (const auto& unit : units_of(headers, 39, hevc_type)) {
    for (int shift = 24; shift >= 0; shift -= 8)
      messages.push_back(static_cast<std::uint8_t>(unit.size() >> shift));
    messages.insert(messages.end(), unit.begin(), unit.end());
  }
  return messages;
}

std::span<const std::uint8_t> sample_of(Codec codec, std::span<const std::uint8_t> packet) {
  const bool has_delimiter =
      codec == Codec::kAv1 && packet.size() > sizeof(kTemporalDelimiter) &&
      std::equal(std::begin(kTemporalDelimiter), std::end(kTemporalDelimiter), packet.begin());
  return has_delimiter ? packet.subspan(sizeof(kTemporalDelimiter)) : packet;
}

}  // namespace millrace::transcode
