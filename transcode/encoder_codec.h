#pragma once
// What differs between the codecs of a rung: libavcodec's encoder, its options, and the forms of
// what it gives. Any thread.
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "media/track_info.h"
#include "transcode/encoder_settings.h"

struct AVCodecContext;

namespace millrace::transcode {

/// libavcodec's name; nullptr: we encode none of it.
const char* encoder_name(Codec codec);

/// Sets what `settings` ask for, on a context whose rates are set. kUnsupported: the encoder that
/// is installed does not know an option.
Status set_codec_options(AVCodecContext& context, Codec codec, const EncoderSettings& settings,
                         bool is_constant_rate);

/// The body of avcC, hvcC or av1C (media/configuration_records.h) from an encoder's headers: NAL
/// units with 4-byte lengths, or a sequence header OBU.
Result<Bytes> configuration_of(Codec codec, std::span<const std::uint8_t> headers);

/// An encoder's packet as a sample: AV1 without its temporal delimiter (AV1-ISOBMFF 2.4).
std::span<const std::uint8_t> sample_of(Codec codec, std::span<const std::uint8_t> packet);

}  // namespace millrace::transcode
