#pragma once
// A transport stream by hand: what a muxer would write, and what none should.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "media/crc32_mpeg2.h"

namespace millrace::test {

using ByteVector = std::vector<std::uint8_t>;

inline void append(ByteVector& to, const ByteVector& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

/// A section of table `id` around `body`, with its CRC.
inline ByteVector ts_section(std::uint8_t id, const ByteVector& body, int number = 1) {
  const std::size_t length = body.size() + 5 + 4;
  ByteVector section{id,
                     static_cast<std::uint8_t>(0xB0 | length >> 8),
                     static_cast<std::uint8_t>(length),
                     static_cast<std::uint8_t>(number >> 8),
                     static_cast<std::uint8_t>(number),
                     0xC1,
                     0,
                     0};
  append(section, body);
  const std::uint32_t crc = crc32_mpeg2(section);
  for (int shift = 24; shift >= 0; shift -= 8)
    section.push_back(static_cast<std::uint8_t>(crc >> shift));
  return section;
}

inline ByteVector ts_association(const std::vector<std::pair<int, int>>& programs_and_pids) {
  ByteVector body;
  for (const auto& [program, pid] : programs_and_pids)
    append(body, {static_cast<std::uint8_t>(program >> 8), static_cast<std::uint8_t>(program),
                  static_cast<std::uint8_t>(0xE0 | pid >> 8), static_cast<std::uint8_t>(pid)});
  return ts_section(0, body);
}

inline ByteVector ts_map(const std::vector<std::pair<int, int>>& types_and_pids, int program = 1) {
  ByteVector body{0xE1, 0x00, 0xF0, 0x00};
  for (const auto& [type, pid] : types_and_pids)
    append(body, {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(0xE0 | pid >> 8),
                  static_cast<std::uint8_t>(pid), 0xF0, 0x00});
  return ts_section(2, body, program);
}

/// Five bytes of a time, behind `prefix` (2: PTS alone, 3 and 1: PTS and DTS).
inline ByteVector ts_time(int prefix, std::uint64_t ticks) {
  return {static_cast<std::uint8_t>(static_cast<unsigned>(prefix) << 4 | (ticks >> 29 & 0x0E) | 1),
          static_cast<std::uint8_t>(ticks >> 22), static_cast<std::uint8_t>(ticks >> 14 | 1),
          static_cast<std::uint8_t>(ticks >> 7), static_cast<std::uint8_t>(ticks << 1 | 1)};
}

struct PesTimes {
  std::optional<std::uint64_t> pts = 0;
  std::optional<std::uint64_t> dts = std::nullopt;
};

inline ByteVector ts_pes(std::uint8_t id, PesTimes times, const ByteVector& payload,
                         bool says_length) {
  ByteVector header;
  if (times.pts) append(header, ts_time(times.dts ? 3 : 2, *times.pts));
  if (times.dts) append(header, ts_time(1, *times.dts));
  const std::size_t length = says_length ? 3 + header.size() + payload.size() : 0;
  ByteVector pes{0,
                 0,
                 1,
                 id,
                 static_cast<std::uint8_t>(length >> 8),
                 static_cast<std::uint8_t>(length),
                 0x80,
                 static_cast<std::uint8_t>((times.pts ? 0x80 : 0) | (times.dts ? 0x40 : 0)),
                 static_cast<std::uint8_t>(header.size())};
  append(pes, header);
  append(pes, payload);
  return pes;
}

class TsWriter {
 public:
  static constexpr std::size_t kPacketBytes = 188;

  /// One packet with as much of `payload` as fits, the rest of it stuffed; returns how much.
  std::size_t packet(int pid, std::span<const std::uint8_t> payload, bool starts) {
    const std::size_t taken = std::min<std::size_t>(payload.size(), 184);
    const std::size_t room = 184 - taken;
    bytes.push_back(0x47);
    bytes.push_back(static_cast<std::uint8_t>((starts ? 0x40 : 0) | pid >> 8));
    bytes.push_back(static_cast<std::uint8_t>(pid));
    bytes.push_back(static_cast<std::uint8_t>((room ? 0x30 : 0x10) | (counters_[pid]++ & 0x0F)));
    if (room > 0) bytes.push_back(static_cast<std::uint8_t>(room - 1));
    if (room > 1) bytes.push_back(0);
    if (room > 2) bytes.insert(bytes.end(), room - 2, 0xFF);
    bytes.insert(bytes.end(), payload.begin(),
                 payload.begin() + static_cast<std::ptrdiff_t>(taken));
    return taken;
  }
  void section(int pid, const ByteVector& section) {
    ByteVector payload{0};
    append(payload, section);
    whole(pid, payload);
  }
  void pes(int pid, std::uint8_t id, PesTimes times, const ByteVector& payload, bool says_length) {
    whole(pid, ts_pes(id, times, payload, says_length));
  }
  /// PAT and PMT of one program: H.264 on 0x100, ADTS on 0x101.
  void tables(const std::vector<std::pair<int, int>>& types_and_pids = {{0x1B, 0x100},
                                                                        {0x0F, 0x101}}) {
    section(0, ts_association({{1, 0x1000}}));
    section(0x1000, ts_map(types_and_pids));
  }
  /// The next packet of the PID will look as if one were missing.
  void lose(int pid) { ++counters_[pid]; }

  ByteVector bytes;

 private:
  void whole(int pid, std::span<const std::uint8_t> payload) {
    bool starts = true;
    while (!payload.empty())
      payload = payload.subspan(packet(pid, payload, std::exchange(starts, false)));
  }

  std::map<int, int> counters_;
};

}  // namespace millrace::test
