#include "ingest/ts/pes_header.h"

namespace millrace::ingest {
namespace {

constexpr std::size_t kFixedBytes = 9;
constexpr std::size_t kTimeBytes = 5;
// 6 bytes stand in front of what PES_packet_length counts.
constexpr std::size_t kUncountedBytes = 6;

/// 2.4.3.6: four bits, 3 bits of time, a marker, 15, a marker, 15, a marker.
std::uint64_t read_time(std::span<const std::uint8_t> bytes) {
  const std::uint64_t high = bytes[0] >> 1 & 0x07;
  const std::uint64_t middle = static_cast<std::uint64_t>(bytes[1]) << 7 | bytes[2] >> 1;
  const std::uint64_t low = static_cast<std::uint64_t>(bytes[3]) << 7 | bytes[4] >> 1;
  return high << 30 | middle << 15 | low;
}

}  // namespace

PesHeaderState parse_pes_header(std::span<const std::uint8_t> bytes, PesHeader& header) {
  if (bytes.size() < kFixedBytes) return PesHeaderState::kNeedsMore;
  const bool has_start = bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 1;
  const bool has_marker = (bytes[6] & 0xC0) == 0x80;
  if (!has_start || !has_marker) return PesHeaderState::kInvalid;
  header = {};
  header.size = kFixedBytes + bytes[8];
  const std::size_t length = static_cast<std::size_t>(bytes[4]) << 8 | bytes[5];
  if (length > 0) header.packet = length + kUncountedBytes;
  if (length > 0 && header.packet < header.size) return PesHeaderState::kInvalid;
  if (bytes.size() < header.size) return PesHeaderState::kNeedsMore;
  const bool has_pts = bytes[7] & 0x80;
  const bool has_dts = bytes[7] & 0x40;
  const std::size_t needed = (has_pts ? kTimeBytes : 0) + (has_dts ? kTimeBytes : 0);
  if (bytes[8] < needed) return PesHeaderState::kInvalid;
  if (has_pts) header.pts = read_time(bytes.subspan(kFixedBytes));
  if (has_pts && has_dts) header.dts = read_time(bytes.subspan(kFixedBytes + kTimeBytes));
  return PesHeaderState::kWhole;
}

}  // namespace millrace::ingest
