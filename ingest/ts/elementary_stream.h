#pragma once
// One elementary stream: its PES packets, and what a codec makes of them. One thread.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/ts/audio_frames.h"
#include "ingest/ts/pes_header.h"
#include "ingest/ts/psi.h"
#include "ingest/ts/ts_clock.h"
#include "ingest/ts/ts_demuxer.h"
#include "media/configuration_records.h"

namespace millrace::ingest {

/// What streams share with their demuxer.
struct TsContext {
  const TsOptions& options;
  TsEvents& events;
  TsCounts& counts;
  TsClock& clock;
};

/// Makes source packets of whole PES packets.
class PesReader {
 public:
  using TimePoint = TsDemuxer::TimePoint;

  virtual ~PesReader() = default;
  virtual MediaKind kind() const = 0;
  /// `payload` behind the header. An error is on_packet()'s.
  virtual Status read(const PesHeader& header, std::span<const std::uint8_t> payload,
                      TimePoint received_at) = 0;
  /// Bytes are missing in front of what comes.
  virtual void reset() {}
};

/// Null where nothing here takes the stream. `audio_index`: the track's, if it is one of sound.
std::unique_ptr<PesReader> create_pes_reader(const ElementaryStream& stream, int audio_index,
                                             const TsContext& context);

/// Joins a PID's packets to PES packets, and sees their end as early as it can be seen.
class PesStream {
 public:
  using TimePoint = TsDemuxer::TimePoint;

  PesStream(ElementaryStream stream, int audio_index, std::unique_ptr<PesReader> reader,
            const TsContext& context)
      : stream_(std::move(stream)),
        audio_index_(audio_index),
        reader_(std::move(reader)),
        context_(context) {}

  const ElementaryStream& stream() const { return stream_; }
  int audio_index() const { return audio_index_; }
  MediaKind kind() const { return reader_->kind(); }

  /// The payload of one packet; `is_stuffed`: the packet had room left.
  Status push(std::span<const std::uint8_t> payload, bool starts, bool is_stuffed, TimePoint at);
  /// What has come is said to be all: handed on, unless its length says otherwise.
  Status end_unit_early();
  Status finish() { return end_unit(); }
  /// Packets are missing.
  void damage();

 private:
  Status end_unit();
  void drop_unit();

  const ElementaryStream stream_;
  const int audio_index_;
  std::unique_ptr<PesReader> reader_;
  TsContext context_;
  std::vector<std::uint8_t> bytes_;  ///< Of the PES packet so far; empty between two.
  PesHeader header_;                 ///< header_.size is 0 until it is whole.
  TimePoint received_at_;
  bool has_unit_ = false;
  bool ended_early_ = false;  ///< By a sign that may mislead: more would prove it wrong.
  bool trusts_the_signs_ = true;
};

}  // namespace millrace::ingest
