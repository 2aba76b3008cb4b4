#pragma once
// AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) of the AAC that is carried. Input from outside:
// bounded, never trusted. Any thread.
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "media/track_info.h"

namespace millrace {

/// 1.5.1.1: what a decoder makes of the stream, the last member of mp4a.40.N (RFC 6381 3.3).
enum class AacObjectType { kLowComplexity = 2, kHighEfficiency = 5, kHighEfficiencyV2 = 29 };

struct AudioSpecificConfig {
  AacObjectType object_type = AacObjectType::kLowComplexity;
  AudioParameters audio;  ///< Of the sound that comes out.
  // Of the core, as an ADTS header has them (1.A.3.2), which is always AAC-LC.
  std::optional<int> frequency_index;  ///< Table 1.18; none where no index stands for the rate.
  int channel_configuration = 0;       ///< Table 1.19.

  /// Whether such a header can tell of it: rates with an index, and frames of 1024 samples.
  bool is_in_adts() const {
    return frequency_index.has_value() && audio.samples_per_frame % 1024 == 0;
  }
};

/// SBR and PS signalled explicitly, hierarchically or backward compatibly. Implicit signalling
/// cannot be seen here: such a stream is AAC-LC of half the rate to those who do not look inside.
Result<AudioSpecificConfig> parse_audio_specific_config(std::span<const std::uint8_t> config);

}  // namespace millrace
