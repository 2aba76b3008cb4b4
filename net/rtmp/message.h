#pragma once
// One RTMP message: what chunks carry. Plain values.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace millrace::net::rtmp {

/// Adobe RTMP 1.0, 5.4 and 7.1.
enum class MessageType : std::uint8_t {
  kSetChunkSize = 1,
  kAbort = 2,
  kAcknowledgement = 3,
  kUserControl = 4,
  kWindowAcknowledgementSize = 5,
  kSetPeerBandwidth = 6,
  kAudio = 8,
  kVideo = 9,
  kDataAmf3 = 15,
  kSharedObjectAmf3 = 16,
  kCommandAmf3 = 17,
  kDataAmf0 = 18,
  kSharedObjectAmf0 = 19,
  kCommandAmf0 = 20,
  kAggregate = 22,
};

struct Message {
  MessageType type{};
  std::uint32_t timestamp = 0;  ///< Milliseconds, modulo 2^32.
  std::uint32_t stream_id = 0;
  Bytes payload;
};

/// Chunk size of either direction before the first Set Chunk Size (5.4.1).
inline constexpr std::size_t kDefaultChunkSize = 128;
/// A timestamp field of this value, or a larger one, has the extended field (5.3.1.3).
inline constexpr std::uint32_t kExtendedTimestamp = 0xFFFFFF;

}  // namespace millrace::net::rtmp
