#pragma once
// Writes the CMAF header and chunks of one track (ISO/IEC 14496-12, 14496-15, 23000-19): the boxes
// we emit and no others. Pure; any thread.
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "media/track_info.h"

namespace millrace::packager {

/// Ticks per second in which the track's times are exact: 90 kHz or a multiple of the frame rate
/// for video, the sample rate for audio.
std::uint32_t timescale_of(const TrackInfo& track);

/// ftyp + moov.
Bytes write_init_segment(const TrackInfo& track);

struct Sample {
  Bytes payload;
  std::uint32_t size = 0;  ///< Of what is written: the payload without filler (filler.h).
  std::uint32_t duration = 0;
  std::int32_t composition_offset = 0;
  bool is_key_frame = false;
};

struct ChunkPosition {
  std::uint32_t sequence_number = 0;
  std::int64_t decode_time = 0;  ///< In the track's timescale.
  MediaTime wall_time{};         ///< When the first sample is presented, on the channel's clock.
};

/// prft + moof + mdat, in one allocation.
Bytes write_chunk(const TrackInfo& track, const ChunkPosition& position,
                  std::span<const Sample> samples);

}  // namespace millrace::packager
