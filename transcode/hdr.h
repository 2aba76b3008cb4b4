#pragma once
// What high dynamic range is, what a rung makes of it, and what its pictures say of the display
// they were made on. Pure; any thread.
#include <array>
#include <cstdint>
#include <optional>

#include "media/track_info.h"
#include "transcode/frame.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

/// Colour that no display shows without knowing it: transfer by PQ or HLG.
bool is_hdr(const Colour& colour);

/// Whether the rung's pictures have 10 bits and the source's colour; of other sources they have 8.
bool keeps_hdr(const Rung& rung, const Colour& source);

/// Of the rung's pictures: BT.709 where high dynamic range is tone-mapped, and where RGB was.
Colour colour_of_rung(const Rung& rung, Colour source);

/// HDR10's static metadata, in the units of HEVC's messages (ISO/IEC 23008-2 D.3.28, D.3.35).
struct HdrMetadata {
  struct Display {
    using Point = std::array<int, 2>;     ///< x and y in units of 0.00002.
    std::array<Point, 3> primaries = {};  ///< Red, green, blue.
    Point white = {};
    std::int64_t highest = 0;  ///< In units of 0.0001 cd/m².
    std::int64_t lowest = 0;
    friend bool operator==(const Display&, const Display&) = default;
  };
  struct Light {
    int highest = 0;          ///< MaxCLL, cd/m².
    int highest_average = 0;  ///< MaxFALL, cd/m².
    friend bool operator==(const Light&, const Light&) = default;
  };
  std::optional<Display> display;
  std::optional<Light> light;  ///< Absent where the source says zero, which is "unknown".
  friend bool operator==(const HdrMetadata&, const HdrMetadata&) = default;
};

/// What came with the picture; what is absurd is left out.
HdrMetadata hdr_metadata_of(const AVFrame& picture);

/// Of the brightest that the pictures show, in cd/m²: as they say, else 1000.
float peak_luminance(const Colour& colour, const HdrMetadata& metadata);

}  // namespace millrace::transcode
