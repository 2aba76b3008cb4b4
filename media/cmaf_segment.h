#pragma once
#include <vector>

#include "base/bytes.h"

namespace millrace {

/// One rendition's media of a segment, as CMAF has it. Copying shares the bytes.
struct CmafSegment {
  Bytes init;                 ///< ftyp + moov.
  std::vector<Bytes> chunks;  ///< In order. Empty: the rendition has nothing in the segment.
};

}  // namespace millrace
