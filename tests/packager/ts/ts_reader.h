#pragma once
// A transport stream taken apart by the letter of ISO/IEC 13818-1, for tests of who writes one.
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::test {

struct TsPacket {
  int pid = 0;
  bool starts = false;
  bool is_random_access = false;
  int counter = 0;
  std::optional<std::uint64_t> clock;  ///< The base of its PCR.
  std::vector<std::uint8_t> payload;
};

struct Pes {
  int stream_id = 0;
  std::uint64_t pts = 0;
  std::uint64_t dts = 0;
  std::optional<std::uint64_t> clock;
  bool is_random_access = false;
  std::vector<std::uint8_t> payload;
};

struct TsFile {
  std::vector<TsPacket> packets;
  std::string fault;  ///< The first one; empty: none.

  /// Appends a segment.
  void add(std::span<const std::uint8_t> bytes) {
    if (bytes.size() % 188 != 0) fail("no whole packets");
    for (; bytes.size() >= 188; bytes = bytes.subspan(188)) add_packet(bytes.first(188));
  }

  /// Whether each PID counts its packets without a break (2.4.3.3).
  bool is_continuous() const {
    std::map<int, int> counters;
    for (const TsPacket& packet : packets) {
      const auto known = counters.find(packet.pid);
      if (known != counters.end() && packet.counter != (known->second + 1) % 16) return false;
      counters[packet.pid] = packet.counter;
    }
    return true;
  }

  std::vector<Pes> pes(int pid) {
    std::vector<std::vector<std::uint8_t>> units;
    std::vector<Pes> found;
    for (const TsPacket& packet : packets) {
      if (packet.pid != pid) continue;
      if (packet.starts) {
        units.emplace_back();
        found.emplace_back();
        found.back().clock = packet.clock;
        found.back().is_random_access = packet.is_random_access;
      }
      if (units.empty()) {
        fail("a payload before its beginning");
        continue;
      }
      units.back().insert(units.back().end(), packet.payload.begin(), packet.payload.end());
    }
    for (std::size_t i = 0; i < units.size(); ++i) read_pes(units[i], found[i]);
    return found;
  }

  /// Each section's bytes of the PID, which have one packet each.
  std::vector<std::vector<std::uint8_t>> sections(int pid) const {
    std::vector<std::vector<std::uint8_t>> found;
    for (const TsPacket& packet : packets) {
      if (packet.pid != pid) continue;
      const auto& payload = packet.payload;
      const std::size_t begin = 1u + payload[0];
      const std::size_t size = 3u + (payload[begin + 1] & 0x0Fu) * 256u + payload[begin + 2];
      found.emplace_back(payload.begin() + static_cast<std::ptrdiff_t>(begin),
                         payload.begin() + static_cast<std::ptrdiff_t>(begin + size));
    }
    return found;
  }

 private:
  void fail(const std::string& what) {
    if (fault.empty()) fault = what;
  }

  void add_packet(std::span<const std::uint8_t> bytes) {
    TsPacket packet;
    if (bytes[0] != 0x47) fail("no sync byte");
    if (bytes[1] & 0x80) fail("a transport error");
    packet.starts = bytes[1] & 0x40;
    packet.pid = (bytes[1] & 0x1F) << 8 | bytes[2];
    packet.counter = bytes[3] & 0x0F;
    if (bytes[3] & 0xC0) fail("scrambled");
    if (!(bytes[3] & 0x10)) fail("no payload");
    std::size_t at = 4;
    if (bytes[3] & 0x20) {
      const std::size_t length = bytes[4];
      at = 5 + length;
      if (at > 187) fail("an adaptation field without a payload behind it");
      if (length > 0) {
        packet.is_random_access = bytes[5] & 0x40;
        std::size_t used = 6;
        if (bytes[5] & 0x10) {
          packet.clock = std::uint64_t{bytes[6]} << 25 | std::uint64_t{bytes[7]} << 17 |
                         std::uint64_t{bytes[8]} << 9 | std::uint64_t{bytes[9]} << 1 |
                         bytes[10] >> 7;
          if ((bytes[10] & 0x7E) != 0x7E) fail("reserved bits of the clock");
          used = 12;
        }
        for (; used < at; ++used)
          if (bytes[used] != 0xFF) fail("stuffing that is none");
      }
    }
    packet.payload.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
    packets.push_back(std::move(packet));
  }

  std::uint64_t read_time(const std::vector<std::uint8_t>& bytes, std::size_t at, int prefix) {
    if (bytes[at] >> 4 != prefix || !(bytes[at] & 1) || !(bytes[at + 2] & 1) ||
        !(bytes[at + 4] & 1))
      fail("a time without its markers");
    return (std::uint64_t{bytes[at]} >> 1 & 7) << 30 | std::uint64_t{bytes[at + 1]} << 22 |
           (std::uint64_t{bytes[at + 2]} >> 1) << 15 | std::uint64_t{bytes[at + 3]} << 7 |
           bytes[at + 4] >> 1;
  }

  void read_pes(const std::vector<std::uint8_t>& bytes, Pes& pes) {
    if (bytes.size() < 14 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 1)
      return fail("no PES packet");
    pes.stream_id = bytes[3];
    const std::size_t length = bytes[4] * 256u + bytes[5];
    if (length > 0 && length + 6 != bytes.size()) fail("another PES_packet_length");
    if ((bytes[6] & 0xC0) != 0x80) fail("no PES marker");
    const bool has_dts = (bytes[7] & 0xC0) == 0xC0;
    pes.pts = pes.dts = read_time(bytes, 9, has_dts ? 3 : 2);
    if (has_dts) pes.dts = read_time(bytes, 14, 1);
    if (bytes[8] != (has_dts ? 10 : 5)) fail("another PES_header_data_length");
    pes.payload.assign(bytes.begin() + 9 + bytes[8], bytes.end());
  }
};

}  // namespace millrace::test
