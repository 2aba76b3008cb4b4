#pragma once
// Turns one rendition's packets into CMAF chunks (ISO/IEC 23000-19), each pushed as soon as it is
// cut.
//
// Thread: every call on one thread, the caller's. Makes no threads.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

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
/// parameters on one that neither starts a discontinuity nor follows finish().
Result<std::unique_ptr<Sink<EncodedPacket>>> create(Options options, Sink<CmafChunk>& chunks);

/// The init segment that create() makes of a track: what a rendition will be before it has media.
std::shared_ptr<const InitSegment> init_of(std::shared_ptr<const TrackInfo> track, MediaTime wish);

/// What went into a chunk of our own: payloads share its bytes; times are to its ticks, decode
/// times those of its samples. Neither segment numbers nor gaps are in it.
std::vector<EncodedPacket> packets_of(const CmafChunk& chunk);

/// PART-TARGET of a track for the configured wish (design.md §5), rounded up to 10 µs: k frames
/// nearest the wish for a constant rate; for audio one frame more than its parts have.
MediaTime part_target_for(const TrackInfo& track, MediaTime wish);

/// RFC 6381 codec string of a track.
std::string codec_string(const TrackInfo& track);

}  // namespace millrace::packager
