#pragma once
// The header of a PES packet (ISO/IEC 13818-1 2.4.3.6). Pure; any thread.
#include <cstdint>
#include <optional>
#include <span>

namespace millrace::ingest {

struct PesHeader {
  std::size_t size = 0;              ///< Of the header.
  std::size_t packet = 0;            ///< Of the whole packet; 0: not said, which only video may do.
  std::optional<std::uint64_t> pts;  ///< 33 bits of 90 kHz.
  std::optional<std::uint64_t> dts;
};

enum class PesHeaderState { kWhole, kNeedsMore, kInvalid };

/// Of the bytes of a PES packet so far; `header` is filled where it is whole.
PesHeaderState parse_pes_header(std::span<const std::uint8_t> bytes, PesHeader& header);

}  // namespace millrace::ingest
