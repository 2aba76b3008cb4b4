#include "ingest/ts/psi.h"

#include <array>

namespace millrace::ingest {
namespace {

constexpr std::uint8_t kAssociationTable = 0;
constexpr std::uint8_t kMapTable = 2;
constexpr std::uint8_t kRegistration = 5;
constexpr std::size_t kLongHeaderBytes = 8;
constexpr std::size_t kCrcBytes = 4;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i << 24;
    for (int bit = 0; bit < 8; ++bit) crc = crc << 1 ^ (crc & 0x80000000u ? 0x04C11DB7u : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

std::uint16_t read_16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint16_t read_pid(std::span<const std::uint8_t> bytes, std::size_t at) {
  return read_16(bytes, at) & 0x1FFF;
}
std::size_t read_length(std::span<const std::uint8_t> bytes, std::size_t at) {
  return read_16(bytes, at) & 0x0FFF;
}

/// What is between the long header and the CRC of a table that is valid now.
std::optional<std::span<const std::uint8_t>> body_of(std::span<const std::uint8_t> section,
                                                     std::uint8_t table) {
  if (section.size() < kLongHeaderBytes + kCrcBytes || section[0] != table) return std::nullopt;
  const bool is_current = section[5] & 1;
  if (!is_current) return std::nullopt;
  return section.subspan(kLongHeaderBytes, section.size() - kLongHeaderBytes - kCrcBytes);
}

std::uint32_t find_registration(std::span<const std::uint8_t> descriptors) {
  while (descriptors.size() >= 2) {
    const std::size_t length = descriptors[1];
    if (length > descriptors.size() - 2) return 0;
    if (descriptors[0] == kRegistration && length >= 4)
      return static_cast<std::uint32_t>(read_16(descriptors, 2)) << 16 | read_16(descriptors, 4);
    descriptors = descriptors.subspan(2 + length);
  }
  return 0;
}

}  // namespace

std::uint32_t crc32_mpeg2(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) crc = crc << 8 ^ kCrcTable[(crc >> 24 ^ byte) & 0xFF];
  return crc;
}

bool SectionAssembler::is_intact(std::span<const std::uint8_t> section) {
  return crc32_mpeg2(section) == 0;
}

std::optional<std::vector<ProgramAssociation>> parse_association(
    std::span<const std::uint8_t> section) {
  const auto body = body_of(section, kAssociationTable);
  if (!body) return std::nullopt;
  std::vector<ProgramAssociation> programs;
  for (auto rest = *body; rest.size() >= 4; rest = rest.subspan(4)) {
    const std::uint16_t program = read_16(rest, 0);
    if (program != 0) programs.push_back({program, read_pid(rest, 2)});  // 0: the network's PID.
  }
  return programs;
}

std::optional<ProgramMap> parse_map(std::span<const std::uint8_t> section) {
  auto body = body_of(section, kMapTable);
  if (!body || body->size() < 4) return std::nullopt;
  const std::size_t program_info = read_length(*body, 2);
  if (program_info > body->size() - 4) return std::nullopt;
  ProgramMap map{.program = read_16(section, 3), .streams = {}};
  for (auto rest = body->subspan(4 + program_info); rest.size() >= 5;) {
    const std::size_t info = read_length(rest, 3);
    if (info > rest.size() - 5) return std::nullopt;
    map.streams.push_back({.pid = read_pid(rest, 1),
                           .type = rest[0],
                           .registration = find_registration(rest.subspan(5, info))});
    rest = rest.subspan(5 + info);
  }
  return map;
}

}  // namespace millrace::ingest
