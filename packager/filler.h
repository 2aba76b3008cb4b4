#pragma once
// Leaves out of an access unit the NAL units that only fill an encoder's constant bit rate: no
// decoder needs them, and every viewer would pay for them. Pure; any thread.
#include <cstddef>
#include <cstdint>
#include <span>

#include "media/track_info.h"

namespace millrace::packager {

/// Of NAL units with 4-byte lengths. The whole size where there is no filler, nothing else, or a
/// length runs past the end: then the decoder will say what it thinks of it.
std::size_t size_without_filler(Codec codec, std::span<const std::uint8_t> access_unit);

/// Writes that many bytes to `out`, which has room for them.
void copy_without_filler(Codec codec, std::span<const std::uint8_t> access_unit, std::uint8_t* out);

}  // namespace millrace::packager
