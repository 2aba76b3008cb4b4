#pragma once
// What differs between the codecs of a rung: libavcodec's encoder, its options, and the forms of
// what it gives. Any thread.
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "media/track_info.h"
#include "transcode/encoder_settings.h"
#include "transcode/hdr.h"

struct AVCodecContext;

namespace millrace::transcode {

/// libavcodec's name; nullptr: we encode none of it.
const char* encoder_name(Codec codec);

/// Sets what `settings` ask for, on a context whose rates are set. Only HEVC tells of `metadata`.
/// kUnsupported: the encoder that is installed does not know an option.
Status set_codec_options(AVCodecContext& context, Codec codec, const EncoderSettings& settings,
                         bool is_constant_rate, const HdrMetadata& metadata = {});

/// Whether an encoder's headers, and so its packets, have Annex B's start codes in the place of
/// lengths. No header is a unit of one byte.
bool has_start_codes(std::span<const std::uint8_t> headers);

/// The body of avcC, hvcC or av1C (media/configuration_records.h) from an encoder's headers: NAL
/// units with start codes or 4-byte lengths, or a sequence header OBU.
Result<Bytes> configuration_of(Codec codec, std::span<const std::uint8_t> headers);

/// The SEI among HEVC's headers, with 4-byte lengths: what is to precede each key frame, as
/// hvc1 keeps no copy of it. Of other codecs nothing.
std::vector<std::uint8_t> messages_of(Codec codec, std::span<const std::uint8_t> headers);

/// An encoder's packet as a sample: AV1 without its temporal delimiter (AV1-ISOBMFF 2.4).
std::span<const std::uint8_t> sample_of(Codec codec, std::span<const std::uint8_t> packet);

}  // namespace millrace::transcode
