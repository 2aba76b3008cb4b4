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
#include "media/cmaf_segment.h"
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

/// The segment as MPEG-TS (ISO/IEC 13818-1): pictures, sound, or both in one program. Presentation
/// times are CMAF's, in 90 kHz since the Unix epoch, of which 33 bits are there. The segments of a
/// rendition, with numbers that rise by one, are one stream, continuity counters and all, though
/// each is made by itself. kUnsupported: pictures other than H.264 and HEVC, or sound that is no
/// AAC. kInvalidData: no CMAF of ours. Any thread.
Result<Bytes> write_ts_segment(const CmafSegment& video, const CmafSegment& audio,
                               SegmentNumber number);

/// PART-TARGET of a track for the configured wish (design.md §5), rounded up to 10 µs: k frames
/// nearest the wish for a constant rate; for audio one frame more than its parts have.
MediaTime part_target_for(const TrackInfo& track, MediaTime wish);

/// RFC 6381 codec string of a track.
std::string codec_string(const TrackInfo& track);

}  // namespace millrace::packager
