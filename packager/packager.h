#pragma once
// Turns one rendition's packets into CMAF chunks (ISO/IEC 23000-19), each pushed as soon as it is
// cut.
//
// Thread: every call on one thread, the caller's. Makes no threads.
#include <chrono>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "media/cmaf_chunk.h"
#include "media/encoded_packet.h"
#include "media/sink.h"

namespace millrace::packager {

struct Options {
  MediaTime part_target = std::chrono::milliseconds(200);  ///< A wish; see part_target_for().
  /// Where to count, under the label `channel`; outlives the sink. Null: nothing is counted.
  Metrics* metrics = nullptr;
  std::string channel = {};
};

/// One track in, one rendition out. `chunks` must outlive the returned sink. kInvalidData: a packet
/// before the first one that opens a segment (finish() makes the next packet such), and new
/// parameters on one that starts no discontinuity.
Result<std::unique_ptr<Sink<EncodedPacket>>> create(Options options, Sink<CmafChunk>& chunks);

/// PART-TARGET of a track for the configured wish (design.md §5), rounded up to 10 µs: k frames
/// nearest the wish for a constant rate; for audio one frame more than its parts have.
MediaTime part_target_for(const TrackInfo& track, MediaTime wish);

/// RFC 6381 codec string of a track.
std::string codec_string(const TrackInfo& track);

}  // namespace millrace::packager
