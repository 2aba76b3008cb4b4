#pragma once
// The configuration records that MP4 keeps, made of the parameter sets that transport streams
// repeat and encoders give. Input from outside: bounded, never trusted. Any thread.
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace millrace {

using NalUnits = std::vector<std::vector<std::uint8_t>>;

/// Body of avcC (ISO/IEC 14496-15 5.3.3.1). kInvalidData: none, too many or too long ones.
Result<Bytes> make_avc_configuration(const NalUnits& sps, const NalUnits& pps);
/// Body of hvcC (8.3.3.1).
Result<Bytes> make_hevc_configuration(const NalUnits& vps, const NalUnits& sps,
                                      const NalUnits& pps);
/// Body of av1C (AV1-ISOBMFF 2.3.3) of a sequence header OBU with its header and size. 4:2:0 only:
/// else kUnsupported.
Result<Bytes> make_av1_configuration(std::span<const std::uint8_t> sequence_header);

}  // namespace millrace
