#pragma once
// What a track of Opus is (RFC 6716, RFC 7845), and how long its packets are. Input from outside:
// bounded, never trusted. Any thread.
#include <cstdint>
#include <span>

#include "base/result.h"
#include "media/track_info.h"

namespace millrace {

/// Of one to eight channels in the order of RFC 7845 5.1.1.2. kUnsupported: any other number.
Result<TrackInfo> opus_track(int channels, int pre_skip);
/// The identification header of RFC 7845 5.1, with or without its magic signature.
Result<TrackInfo> parse_opus_head(std::span<const std::uint8_t> head);
/// At 48 kHz, by its first bytes (RFC 6716 3.1, 3.2); 0: it is no packet.
int opus_samples(std::span<const std::uint8_t> packet);

}  // namespace millrace
