#pragma once
// Bodies of FLV audio and video tags, legacy and Enhanced RTMP, with real codec configurations.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::test {

using ByteVector = std::vector<std::uint8_t>;

inline ByteVector from_hex(std::string_view text) {
  const auto digit = [](char c) {
    return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  ByteVector bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  return bytes;
}

/// 320x180 and 640x360 at 30 fps by x264.
inline ByteVector avcc_320x180() {
  return from_hex(
      "0164000dffe1001a6764000dacd941419f9f0110000003001000000303c0f142996001000668ebe3cb22c0fdf8f8"
      "00");
}
inline ByteVector avcc_640x360() {
  return from_hex(
      "0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9601000668ebe3cb22c0fdf8f8"
      "00");
}
/// 320x180 by x265.
inline ByteVector hvcc_320x180() {
  return from_hex(
      "0104080000009e08000000003cf000fcfff8f800000f03a00001001740010c01ffff0408000003009e0800000300"
      "003c959409a10001002e4201010408000003009e0800000300003c9001410183e372caca94985e02dc0808001000"
      "0003001000000301e080a2000100084401c07318301890");
}
/// 320x180 by libaom.
inline ByteVector av1c_320x180() {
  return from_hex("812000000a0d200000043cfeccdaf92021a004");
}
/// AAC-LC, 48 kHz, stereo.
inline ByteVector aac_48000_stereo() {
  return from_hex("1190");
}

inline ByteVector joined(ByteVector head, std::span<const std::uint8_t> rest) {
  head.insert(head.end(), rest.begin(), rest.end());
  return head;
}

inline ByteVector with_offset(ByteVector head, std::int32_t composition_offset) {
  for (int shift = 16; shift >= 0; shift -= 8)
    head.push_back(static_cast<std::uint8_t>(composition_offset >> shift));
  return head;
}

enum class FrameKind { kKey = 1, kInter = 2 };

inline ByteVector avc_configuration_tag(std::span<const std::uint8_t> avcc) {
  return joined({0x17, 0, 0, 0, 0}, avcc);
}
inline ByteVector avc_frame_tag(FrameKind kind, std::int32_t composition_offset,
                                std::span<const std::uint8_t> payload) {
  const auto first = static_cast<std::uint8_t>(static_cast<int>(kind) << 4 | 7);
  return joined(with_offset({first, 1}, composition_offset), payload);
}
inline ByteVector aac_configuration_tag(std::span<const std::uint8_t> configuration) {
  return joined({0xAF, 0}, configuration);
}
inline ByteVector aac_frame_tag(std::span<const std::uint8_t> payload) {
  return joined({0xAF, 1}, payload);
}

/// Enhanced RTMP v1. `packet_type`: 0 sequence start, 1 coded frames, 2 end, 3 coded frames X,
/// 4 metadata. Type 1 of hvc1 and avc1 wants a composition offset in front of `payload`.
inline ByteVector enhanced_tag(FrameKind kind, int packet_type, std::string_view four_cc,
                               std::span<const std::uint8_t> payload) {
  ByteVector head{static_cast<std::uint8_t>(0x80 | static_cast<int>(kind) << 4 | packet_type)};
  head.insert(head.end(), four_cc.begin(), four_cc.end());
  return joined(std::move(head), payload);
}

/// One NAL unit of `size` bytes with its length; H.264 type 5 or 1.
inline ByteVector h264_picture(FrameKind kind, std::size_t size) {
  ByteVector bytes{static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
                   static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size),
                   static_cast<std::uint8_t>(kind == FrameKind::kKey ? 0x65 : 0x41)};
  for (std::size_t i = 1; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}
/// HEVC IDR_W_RADL or TRAIL_R.
inline ByteVector hevc_picture(FrameKind kind, std::size_t size) {
  auto bytes = h264_picture(kind, size);
  bytes[4] = kind == FrameKind::kKey ? 19 << 1 : 1 << 1;
  return bytes;
}

}  // namespace millrace::test
