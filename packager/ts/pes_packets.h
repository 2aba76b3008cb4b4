#pragma once
// A segment's samples as PES packets (ISO/IEC 13818-1 2.4.3.6): pictures with start codes, a
// delimiter and at key frames the parameter sets; sound in ADTS. Nothing is copied but headers:
// they point into the samples. Pure; any thread.
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "packager/cmaf_reader.h"

namespace millrace::packager {

/// Ticks per second of a transport stream's times.
inline constexpr std::int64_t kTsClock = 90'000;

struct PesPacket {
  std::int64_t decode_time = 0;  ///< 90 kHz, before it is cut to 33 bits.
  bool is_random_access = false;
  std::array<std::uint8_t, 19> header{};
  std::size_t header_bytes = 0;
  std::vector<std::span<const std::uint8_t>> pieces;  ///< Behind the header.
  std::size_t bytes = 0;                              ///< Of header and pieces; at least 16.
};

using AdtsHeader = std::array<std::uint8_t, 7>;

/// One elementary stream. Empty: there is nothing of it.
struct PesStream {
  std::uint8_t type = 0;  ///< stream_type, table 2-34.
  std::vector<PesPacket> packets;
  std::vector<CmafSample> samples;  ///< What the packets point into, but for what follows.
  Bytes configuration;
  std::unique_ptr<AdtsHeader[]> adts;
};

/// kH264 or kHevc, else kUnsupported. Presentation times are those of the samples; decode times
/// are theirs, less so much that none is behind its presentation (see pes_packets.cpp). NAL units
/// whose length lies end their access unit.
Result<PesStream> packetize_pictures(const CmafTrack& track, std::vector<CmafSample> samples);

/// AAC-LC and HE-AAC in frames of 1024 samples (of the core), else kUnsupported. Some frames to a
/// packet, as many as 100 ms have.
Result<PesStream> packetize_sound(const CmafTrack& track, std::vector<CmafSample> samples);

}  // namespace millrace::packager
