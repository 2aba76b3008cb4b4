#pragma once
// Integers in network byte order, as RTMP and AMF write them. No bounds are checked here.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::net::rtmp {

inline std::uint32_t read_u16(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 8 | at[1];
}
inline std::uint32_t read_u24(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 16 | read_u16(at + 1);
}
inline std::uint32_t read_u32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 24 | read_u24(at + 1);
}

/// Appends the low `bytes` bytes of `value`.
inline void append_big_endian(std::vector<std::uint8_t>& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

}  // namespace millrace::net::rtmp
