#include "ingest/rtmp/nal_units.h"

#include "base/check.h"

namespace millrace::ingest {
namespace {

// ISO/IEC 14496-10 table 7-1: 5 is a slice of an IDR picture.
bool is_idr(std::uint8_t first) {
  return (first & 0x1F) == 5;
}
// ISO/IEC 23008-2 table 7-1: 16 (BLA_W_LP) to 21 (CRA); 22 and 23 are reserved IRAP.
bool is_irap(std::uint8_t first) {
  const int type = first >> 1 & 0x3F;
  return type >= 16 && type <= 21;
}

}  // namespace

Result<bool> is_random_access_picture(Codec codec, const Bytes& payload) {
  CHECK(codec == Codec::kH264 || codec == Codec::kHevc);
  bool is_found = false;
  auto rest = payload.span();
  while (!rest.empty()) {
    if (rest.size() < 4)
      return Error{ErrorCode::kInvalidData, "video: bytes behind a picture's last NAL unit"};
    const std::size_t length = static_cast<std::size_t>(rest[0]) << 24 |
                               static_cast<std::size_t>(rest[1]) << 16 |
                               static_cast<std::size_t>(rest[2]) << 8 | rest[3];
    rest = rest.subspan(4);
    if (length > rest.size())
      return Error{ErrorCode::kInvalidData,
                   "video: a NAL unit's length passes its picture's end (Annex B start codes?)"};
    if (length > 0 && (codec == Codec::kH264 ? is_idr(rest[0]) : is_irap(rest[0]))) is_found = true;
    rest = rest.subspan(length);
  }
  return is_found;
}

}  // namespace millrace::ingest
