#pragma once
// Cuts one track's packets into parts and gives each its CMAF chunk: packager.h's create().
//
// The caller's thread.
#include <optional>
#include <vector>

#include "base/metrics.h"
#include "packager/fmp4_writer.h"
#include "packager/packager.h"
#include "packager/part_length.h"

namespace millrace::packager {

/// A part ends with the packet that brings it to its length (part_length.h), and before one that
/// opens a segment or follows a gap. A key frame within a segment does not end it.
///
/// A packet that would take the part past PART-TARGET begins the next one where 85 % are reached
/// already; else its sample is cut to what the part has left, so that both PT-02 and PT-03 hold,
/// and the next samples make the time good: decode times run early by as much, presentation times
/// stand. What was not made good when the next segment opens, and is longer than a part, is left as
/// a hole in decode time.
///
/// After a gap the next chunk has its true time. Decode time never runs back: where the first
/// packet behind a gap or discontinuity lies before the end of the last chunk, it begins there.
class Chunker final : public Sink<EncodedPacket> {
 public:
  Chunker(Options options, Sink<CmafChunk>& chunks);

  Status push(EncodedPacket packet) override;
  Status finish() override;

 private:
  struct Counters {
    Counter filler_bytes;
    Counter cut_samples;
    Counter short_parts;
    Counter decode_holes;
  };

  bool is_known(const std::shared_ptr<const TrackInfo>& track);
  Status begin_segment(const EncodedPacket& packet);
  void begin_init(const EncodedPacket& packet);
  void begin_clock(const EncodedPacket& packet);
  bool has_hole_before(const EncodedPacket& packet) const;
  Status add(EncodedPacket packet);
  std::int64_t duration_of(const EncodedPacket& packet) const;
  /// Closes the part where it is long enough; the ticks that a sample may have.
  Result<std::int64_t> make_room(std::int64_t wanted);
  bool is_part_complete() const;
  Status close_part();
  std::int64_t part_duration() const { return next_tick_ - part_start_; }

  Options options_;
  Sink<CmafChunk>& chunks_;
  std::optional<Counters> counters_;

  std::shared_ptr<const InitSegment> init_;
  std::shared_ptr<const TrackInfo> newest_track_;  ///< Equal to the one in `init_`.
  std::int64_t timescale_ = 0;
  PartLength length_;
  /// From a packet's dts to the time at which it is said to be decoded: pts - dts of the key frame
  /// that begins the clock, so that a segment's first picture has the presentation time tfdt
  /// without an edit list (llhls.md section 6, recipe 3a).
  MediaTime composition_delay_{};
  std::int64_t next_tick_ = 0;  ///< Decode time of the next sample: the end of the one before.

  std::optional<SegmentNumber> segment_;  ///< None: the next packet must open one.
  bool starts_discontinuity_ = false;     ///< Of the next chunk.

  std::vector<Sample> samples_;
  std::size_t part_bytes_ = 0;
  std::int64_t part_start_ = 0;
  MediaTime part_wall_time_{};
  std::chrono::steady_clock::time_point newest_received_at_;
  std::uint32_t sequence_number_ = 0;
};

}  // namespace millrace::packager
