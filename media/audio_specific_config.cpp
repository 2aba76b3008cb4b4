#include "media/audio_specific_config.h"

#include <fmt/format.h>

#include "media/bit_reader.h"

namespace millrace {
namespace {

// ISO/IEC 14496-3 table 1.18.
constexpr int kSampleRates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                22050, 16000, 12000, 11025, 8000,  7350};
constexpr std::uint32_t kExplicitRate = 15;
// Table 1.19, channelConfiguration 1 to 7.
constexpr int kChannels[] = {0, 1, 2, 3, 4, 5, 6, 8};
// Table 1.17.
constexpr std::uint32_t kAacLc = 2;
constexpr std::uint32_t kSpectralBandReplication = 5;
constexpr std::uint32_t kParametricStereo = 29;
constexpr std::uint32_t kEscape = 31;
// 1.6.2.1: syncExtensionType of backward compatible signalling.
constexpr std::uint32_t kSbrExtension = 0x2b7;
constexpr std::uint32_t kPsExtension = 0x548;
// Longer than any that describes channels by number alone.
constexpr std::size_t kMaxSize = 64;

std::uint32_t read_object_type(BitReader& bits) {
  const std::uint32_t type = bits.read(5);
  return type == kEscape ? 32 + bits.read(6) : type;
}

int read_sample_rate(BitReader& bits) {
  const std::uint32_t index = bits.read(4);
  if (index == kExplicitRate) return static_cast<int>(bits.read(24));
  return index < std::size(kSampleRates) ? kSampleRates[index] : 0;
}

struct Fields {
  std::uint32_t object_type = 0;  ///< Of the core.
  std::uint32_t channel_configuration = 0;
  int core_rate = 0;
  int output_rate = 0;
  bool has_sbr = false;
  bool has_ps = false;
  bool has_short_frames = false;  ///< 960 samples in the core's.
};

// The extension behind the core's configuration, which decoders of AAC-LC alone never read.
void read_backward_compatible_extension(BitReader& bits, Fields& fields) {
  if (bits.bits_left() < 16 || bits.read(11) != kSbrExtension) return;
  if (read_object_type(bits) != kSpectralBandReplication || !bits.read_flag()) return;
  fields.has_sbr = true;
  fields.output_rate = read_sample_rate(bits);
  if (bits.bits_left() >= 12 && bits.read(11) == kPsExtension) fields.has_ps = bits.read_flag();
}

Fields read_fields(BitReader& bits) {
  Fields fields;
  fields.object_type = read_object_type(bits);
  fields.core_rate = fields.output_rate = read_sample_rate(bits);
  fields.channel_configuration = bits.read(4);
  fields.has_ps = fields.object_type == kParametricStereo;
  fields.has_sbr = fields.has_ps || fields.object_type == kSpectralBandReplication;
  if (fields.has_sbr) {
    fields.output_rate = read_sample_rate(bits);
    fields.object_type = read_object_type(bits);
  }
  if (fields.object_type != kAacLc) return fields;
  fields.has_short_frames = bits.read_flag();  // 4.4.1, GASpecificConfig: frameLengthFlag
  if (bits.read_flag()) bits.skip(14);         // dependsOnCoreCoder, coreCoderDelay
  bits.read_flag();                            // extensionFlag
  if (!fields.has_sbr) read_backward_compatible_extension(bits, fields);
  return fields;
}

}  // namespace

Result<AudioSpecificConfig> parse_audio_specific_config(std::span<const std::uint8_t> config) {
  const auto unsupported = [](std::string message) {
    return Error{ErrorCode::kUnsupported, std::move(message)};
  };
  if (config.size() > kMaxSize)
    return unsupported(fmt::format("aac: a configuration of {} bytes", config.size()));
  BitReader bits(config);
  const Fields fields = read_fields(bits);
  if (bits.has_overrun())
    return Error{ErrorCode::kInvalidData, "aac: an AudioSpecificConfig that ends early"};
  if (fields.object_type != kAacLc)
    return unsupported(fmt::format("aac: object type {}", fields.object_type));
  int channels = fields.channel_configuration < std::size(kChannels)
                     ? kChannels[fields.channel_configuration]
                     : 0;
  const int rate = fields.output_rate;
  const bool is_doubled = rate == 2 * fields.core_rate;
  if (rate < 7350 || rate > 96000 || channels == 0 || (!is_doubled && rate != fields.core_rate))
    return unsupported(fmt::format("aac: {} Hz from {} with channel configuration {}", rate,
                                   fields.core_rate, fields.channel_configuration));
  if (fields.has_ps) channels = 2;
  AudioSpecificConfig parsed;
  if (fields.has_sbr) parsed.object_type = AacObjectType::kHighEfficiency;
  if (fields.has_ps) parsed.object_type = AacObjectType::kHighEfficiencyV2;
  for (int index = 0; index < static_cast<int>(std::size(kSampleRates)); ++index)
    if (kSampleRates[index] == fields.core_rate) parsed.frequency_index = index;
  parsed.channel_configuration = static_cast<int>(fields.channel_configuration);
  const int core_frame = fields.has_short_frames ? 960 : 1024;
  parsed.audio = {.sample_rate = rate,
                  .channels = channels,
                  .samples_per_frame = is_doubled ? core_frame * 2 : core_frame};
  return parsed;
}

}  // namespace millrace
