#pragma once
// Whether a source keeps the limits of its channel's passthrough rung. Pure, any thread; ingest.h's
// check_passthrough() is the part of it that needs no measuring.
#include <optional>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/report/source_figures.h"

namespace millrace::ingest {

/// The profile by its codec's number, where no browser plays it: other than 4:2:0, or H.264 of more
/// than 8 bits.
std::optional<int> unplayable_profile(const TrackInfo& video);

/// As check_passthrough(), with what was measured. `is_above_bit_rate`: of the limit.
std::vector<Finding> judge_passthrough(const PassthroughLimits& limits, const TrackInfo& video,
                                       const Figures& figures, bool is_above_bit_rate);

}  // namespace millrace::ingest
