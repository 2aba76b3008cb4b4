#pragma once
// MPEG transport stream (ISO/IEC 13818-1) to source packets, pushed byte by byte as they arrive.
//
// A picture is handed on as soon as its end can be seen: where its PES packet says its length,
// where a TS packet of its PID is stuffed (design.md §3), or where end_short_message() says that
// the sender's message ended inside it; else when the next PES packet of the PID begins. Input from
// outside: bounded, no exceptions, no recursion.
//
// Thread: one.
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "ingest/ingest.h"
#include "ingest/ts/psi.h"
#include "ingest/ts/ts_clock.h"

namespace millrace::ingest {

struct TsOptions {
  std::size_t max_access_unit_bytes = 8 * 1024 * 1024;  ///< Past it the unit is dropped, counted.
};

/// What comes out, in the order of the stream. Calls come from inside TsDemuxer's.
class TsEvents {
 public:
  virtual ~TsEvents() = default;
  /// The program's first PMT, and each later one that changes the tracks.
  virtual void on_program(const Announcement& program) = 0;
  /// One access unit. An error ends the demuxing: push() returns it.
  virtual Status on_packet(SourcePacket packet) = 0;
};

class PesStream;

/// What was wrong with the stream so far, for the log, metrics and the stream report.
struct TsCounts {
  std::uint64_t lost_sync = 0;  ///< Bytes skipped until a sync byte was found again: events.
  std::uint64_t continuity_errors = 0;  ///< Packets missing by the continuity counter.
  std::uint64_t transport_errors = 0;   ///< Packets with the transport_error_indicator.
  std::uint64_t bad_sections = 0;       ///< PSI that fails its CRC or is malformed.
  std::uint64_t dropped_units = 0;      ///< Access units dropped: damaged, too long, without time.
  std::uint64_t unsupported_streams =
      0;  ///< Elementary streams of the program that nothing here takes.
};

class TsDemuxer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  TsDemuxer(TsOptions options, TsEvents& events);
  ~TsDemuxer();
  TsDemuxer(const TsDemuxer&) = delete;
  TsDemuxer& operator=(const TsDemuxer&) = delete;

  /// Any number of bytes, cut anywhere. An error is on_packet()'s, or has a reason that a
  /// person at the encoder understands: kInvalidData: no transport stream; kUnsupported: scrambled.
  Status push(std::span<const std::uint8_t> bytes, TimePoint received_at);
  /// The bytes so far end a message (SRT, UDP) that was shorter than the sender's full ones: what
  /// the newest picture has is all of it.
  Status end_short_message();
  /// The stream has ended: what is held is handed on.
  Status finish();

  const TsCounts& counts() const { return counts_; }

 private:
  struct Packet;
  Status take_packet(std::span<const std::uint8_t> packet);
  Status take_payload(const Packet& packet);
  Status take_map(std::uint16_t map_pid, std::span<const std::uint8_t> section);
  void take_association(std::span<const std::uint8_t> section);
  Status select(const ProgramAssociation& program, const std::vector<ElementaryStream>& streams,
                bool is_new);
  bool is_in_order(const Packet& packet, PesStream& stream);

  const TsOptions options_;
  TsEvents& events_;
  TsCounts counts_;
  TsClock clock_;
  std::vector<std::uint8_t> kept_;  ///< The beginning of a packet, or what is not known to be one.
  bool is_in_sync_ = false;
  std::size_t skipped_ = 0;  ///< Bytes since the last packet.
  int scrambled_ = 0;        ///< Packets in a row.
  TimePoint now_;

  SectionAssembler association_;
  std::vector<ProgramAssociation> programs_;
  std::map<std::uint16_t, SectionAssembler> map_sections_;       ///< By PID.
  std::map<std::uint16_t, std::vector<ElementaryStream>> maps_;  ///< Newest of each program.
  std::optional<ProgramAssociation> selected_;
  std::vector<std::unique_ptr<PesStream>> streams_;
  std::map<std::uint16_t, std::uint8_t> counters_;  ///< Last continuity counter of each PID taken.
};

}  // namespace millrace::ingest
