#pragma once
// Reads the CMAF that fmp4_writer.h writes: what a track is, and a chunk's samples. Strict, and
// whatever else the bytes are, they are an error: media that has been on a disk may be anybody's.
// Pure; any thread.
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "media/track_info.h"

namespace millrace::packager {

struct CmafTrack {
  Codec codec = Codec::kH264;   ///< kH264, kHevc, kAv1, kAac or kOpus.
  std::uint32_t timescale = 0;  ///< Ticks per second, 1,000 to 4,000,000.
  Bytes configuration;          ///< As TrackInfo::codec_configuration; shares the init's bytes.
};

/// Of the one track of ftyp + moov. kInvalidData: it is something else.
Result<CmafTrack> read_init_segment(const Bytes& init);

struct CmafSample {
  Bytes payload;                 ///< Shares the chunk's bytes.
  std::int64_t decode_time = 0;  ///< Ticks; 0 to 2^54.
  std::int32_t composition_offset = 0;
  std::uint32_t duration = 0;
  bool is_key_frame = false;
};

/// Appends the samples of one chunk (prft, moof, mdat), or of several one behind the other.
/// kInvalidData: it is something else; samples before that have been appended.
Status read_chunks(const Bytes& chunks, std::vector<CmafSample>& samples);

}  // namespace millrace::packager
