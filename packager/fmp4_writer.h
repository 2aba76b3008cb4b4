#pragma once
// Writes the CMAF header and chunks of one track (ISO/IEC 14496-12, 14496-15, 23000-19): the boxes
// we emit and no others.
//
// A value-like builder; the caller's thread.
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "media/track_info.h"

namespace millrace::packager {

/// Ticks per second in which the track's times are exact: the frame rate's for video where 90 kHz
/// is not, the sample rate for audio.
std::uint32_t timescale_of(const TrackInfo& track);

/// ftyp + moov.
Bytes write_init_segment(const TrackInfo& track);

struct Sample {
  Bytes payload;
  /// Bytes of `payload` that are written: the pieces between dropped NAL units. Empty: all of it.
  std::vector<std::span<const std::uint8_t>> pieces;
  std::uint32_t size = 0;  ///< Of what is written.
  std::uint32_t duration = 0;
  std::int32_t composition_offset = 0;
  bool is_key_frame = false;
};

/// moof + mdat, in one allocation. `decode_time` in the track's timescale.
Bytes write_chunk(const TrackInfo& track, std::uint32_t sequence_number, std::int64_t decode_time,
                  std::span<const Sample> samples);

}  // namespace millrace::packager
