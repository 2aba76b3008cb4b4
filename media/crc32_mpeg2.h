#pragma once
// The checksum of MPEG-2 sections. Pure; any thread.
#include <cstdint>
#include <span>

namespace millrace {

/// CRC-32/MPEG-2 (ISO/IEC 13818-1 2.4.4, annex A): 0 over a section with its CRC.
std::uint32_t crc32_mpeg2(std::span<const std::uint8_t> bytes);

}  // namespace millrace
