#include "packager/filler.h"

#include <cstring>

namespace millrace::packager {
namespace {

constexpr std::size_t kLengthSize = 4;

// ISO/IEC 14496-10 table 7-1, 23008-2 table 7-1: filler data.
bool is_filler(Codec codec, std::uint8_t first_byte) {
  if (codec == Codec::kH264) return (first_byte & 31) == 12;
  return codec == Codec::kHevc && (first_byte >> 1 & 63) == 38;
}

// Calls `keep` with each run of bytes between filler units; false where a length lies.
template <typename Keep>
bool walk(Codec codec, std::span<const std::uint8_t> bytes, Keep keep) {
  std::size_t kept_from = 0, at = 0;
  while (at + kLengthSize < bytes.size()) {
    const std::size_t length = static_cast<std::size_t>(bytes[at]) << 24 |
                               static_cast<std::size_t>(bytes[at + 1]) << 16 |
                               static_cast<std::size_t>(bytes[at + 2]) << 8 | bytes[at + 3];
    if (length > bytes.size() - at - kLengthSize) return false;
    if (length > 0 && is_filler(codec, bytes[at + kLengthSize])) {
      if (at > kept_from) keep(bytes.subspan(kept_from, at - kept_from));
      kept_from = at + kLengthSize + length;
    }
    at += kLengthSize + length;
  }
  if (bytes.size() > kept_from) keep(bytes.subspan(kept_from));
  return true;
}

}  // namespace

std::size_t size_without_filler(Codec codec, std::span<const std::uint8_t> access_unit) {
  if (codec != Codec::kH264 && codec != Codec::kHevc) return access_unit.size();
  std::size_t size = 0;
  const bool is_sound = walk(codec, access_unit, [&size](auto run) { size += run.size(); });
  return is_sound && size > 0 ? size : access_unit.size();
}

void copy_without_filler(Codec codec, std::span<const std::uint8_t> access_unit,
                         std::uint8_t* out) {
  if (access_unit.empty()) return;
  if (size_without_filler(codec, access_unit) == access_unit.size()) {
    std::memcpy(out, access_unit.data(), access_unit.size());
    return;
  }
  walk(codec, access_unit, [&out](auto run) {
    std::memcpy(out, run.data(), run.size());
    out += run.size();
  });
}

}  // namespace millrace::packager
