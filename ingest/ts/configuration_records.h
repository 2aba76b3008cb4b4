#pragma once
// The configuration records that MP4 keeps, made of the parameter sets that a transport stream
// repeats. Input from outside: bounded, never trusted. Any thread.
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace millrace::ingest {

using NalUnits = std::vector<std::vector<std::uint8_t>>;

/// Body of avcC (ISO/IEC 14496-15 5.3.3.1). kInvalidData: none, too many or too long ones.
Result<Bytes> make_avc_configuration(const NalUnits& sps, const NalUnits& pps);
/// Body of hvcC (8.3.3.1).
Result<Bytes> make_hevc_configuration(const NalUnits& vps, const NalUnits& sps,
                                      const NalUnits& pps);

}  // namespace millrace::ingest
