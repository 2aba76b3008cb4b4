#pragma once
// A Range header (RFC 9110 14.1.2) against content of a known size. Input from outside. Pure; any
// thread.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace millrace::hls {

struct ByteRange {
  enum class Kind { kWhole, kPart, kUnsatisfiable };
  Kind kind = Kind::kWhole;  ///< kWhole too where the header is to be ignored.
  std::uint64_t first = 0;
  std::uint64_t last = 0;  ///< Inclusive.
};

/// One range of bytes is understood; several, other units and nonsense are ignored, as
/// RFC 9110 14.2 allows.
ByteRange parse_byte_range(std::string_view header, std::uint64_t size);

/// Bytes `first` to `last` of the pieces one behind the other; nothing is copied.
std::vector<Bytes> slice(const std::vector<Bytes>& pieces, std::uint64_t first, std::uint64_t last);

}  // namespace millrace::hls
