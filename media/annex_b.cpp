#include "media/annex_b.h"

#include <cstring>

#include "base/check.h"

namespace millrace {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kLengthBytes = 4;

enum class Use { kPicture, kVps, kSps, kPps, kNothing };

struct Kind {
  Use use = Use::kPicture;
  bool is_random_access = false;
};

// ISO/IEC 14496-10 table 7-1.
Kind h264_kind(std::uint8_t first) {
  switch (first & 0x1F) {
    case 5:
      return {Use::kPicture, true};
    case 7:
      return {Use::kSps};
    case 8:
      return {Use::kPps};
    case 9:   // Access unit delimiter.
    case 10:  // End of sequence.
    case 11:  // End of stream.
    case 12:  // Filler.
      return {Use::kNothing};
    default:
      return {};
  }
}

// ISO/IEC 23008-2 table 7-1.
Kind hevc_kind(std::uint8_t first) {
  const int type = first >> 1 & 0x3F;
  if (type >= 16 && type <= 21) return {Use::kPicture, true};
  switch (type) {
    case 32:
      return {Use::kVps};
    case 33:
      return {Use::kSps};
    case 34:
      return {Use::kPps};
    case 35:  // Access unit delimiter.
    case 36:  // End of sequence.
    case 37:  // End of bitstream.
    case 38:  // Filler.
      return {Use::kNothing};
    default:
      return {};
  }
}

/// Offset of the next 00 00 01 from `at` on, or the size.
std::size_t find_start_code(Span bytes, std::size_t at) {
  while (at + 3 <= bytes.size()) {
    const void* const one = std::memchr(bytes.data() + at + 2, 1, bytes.size() - at - 2);
    if (!one) return bytes.size();
    const auto place =
        static_cast<std::size_t>(static_cast<const std::uint8_t*>(one) - bytes.data());
    if (bytes[place - 1] == 0 && bytes[place - 2] == 0) return place - 2;
    at = place - 1;
  }
  return bytes.size();
}

template <typename Take>
void for_each_nal_unit(Span bytes, Take&& take) {
  std::size_t at = find_start_code(bytes, 0);
  while (at < bytes.size()) {
    const std::size_t begin = at + 3;
    at = find_start_code(bytes, begin);
    auto unit = bytes.subspan(begin, at - begin);
    while (!unit.empty() && unit.back() == 0) unit = unit.first(unit.size() - 1);
    if (!unit.empty()) take(unit);
  }
}

}  // namespace

AnnexBPicture parse_annex_b(Codec codec, Span bytes) {
  CHECK(codec == Codec::kH264 || codec == Codec::kHevc);
  AnnexBPicture picture;
  std::vector<Span> units;
  std::size_t size = 0;
  for_each_nal_unit(bytes, [&](Span unit) {
    const Kind kind = codec == Codec::kH264 ? h264_kind(unit[0]) : hevc_kind(unit[0]);
    picture.is_random_access |= kind.is_random_access;
    switch (kind.use) {
      case Use::kVps:
        return picture.vps.push_back(unit);
      case Use::kSps:
        return picture.sps.push_back(unit);
      case Use::kPps:
        return picture.pps.push_back(unit);
      case Use::kNothing:
        return;
      case Use::kPicture:
        units.push_back(unit);
        size += kLengthBytes + unit.size();
    }
  });
  MutableBytes payload(size);
  std::uint8_t* out = payload.data();
  for (const Span unit : units) {
    const std::size_t length = unit.size();
    for (int shift = 24; shift >= 0; shift -= 8)
      *out++ = static_cast<std::uint8_t>(length >> shift);
    std::memcpy(out, unit.data(), length);
    out += length;
  }
  picture.payload = Bytes(std::move(payload));
  return picture;
}

}  // namespace millrace
