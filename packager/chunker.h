#pragma once
// Cuts one track's packets into parts and gives each its CMAF chunk. packager.h's create().
//
// The caller's thread.
#include <optional>
#include <vector>

#include "packager/fmp4_writer.h"
#include "packager/packager.h"

namespace millrace::packager {

/// A part ends with the packet that brings it to its length: k frames of a constant rate, 0.85 of
/// PART-TARGET of a variable one, n frames of audio; before a packet that would take it past
/// PART-TARGET; and before one that opens a segment or follows a gap. Where a packet is longer than
/// PART-TARGET all the same, it is cut to that and the next ones make the time good: their
/// presentation times stand.
class Chunker final : public Sink<EncodedPacket> {
 public:
  Chunker(Options options, Sink<CmafChunk>& chunks) : options_(options), chunks_(chunks) {}

  Status push(EncodedPacket packet) override;
  Status finish() override;

 private:
  Status begin_segment(const EncodedPacket& packet);
  void begin_init(const EncodedPacket& packet);
  void begin_clock(const EncodedPacket& packet);
  Status add(EncodedPacket packet);
  Status close_part();

  Options options_;
  Sink<CmafChunk>& chunks_;

  std::shared_ptr<const InitSegment> init_;
  std::int64_t timescale_ = 0;
  std::int64_t longest_part_ = 0;  ///< PART-TARGET in ticks, rounded down.
  std::int64_t wanted_part_ = 0;   ///< A part of so many ticks is complete.
  /// From a packet's dts to the time that its segment is said to begin: pts - dts of its key frame,
  /// so that the first picture's presentation time is tfdt and no edit list is needed (CMAF 7.5.9).
  MediaTime composition_delay_{};
  std::int64_t next_tick_ = 0;  ///< Decode time of the next sample: the end of the one before.

  std::optional<SegmentNumber> segment_;  ///< None: the next packet must open one.
  bool starts_discontinuity_ = false;     ///< Of the next chunk.

  std::vector<Sample> samples_;
  std::int64_t part_start_ = 0;
  std::chrono::steady_clock::time_point newest_received_at_;
  std::uint32_t sequence_number_ = 0;
};

}  // namespace millrace::packager
