#pragma once
// Puts messages together from RTMP chunks (RTMP 1.0, 5.3), however the bytes are cut. Set Chunk
// Size and Abort are obeyed here. One thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "net/rtmp/message.h"

namespace millrace::net::rtmp {

struct ChunkLimits {
  /// A message that announces more ends the reading at its header.
  std::size_t max_message_bytes = 8 * 1024 * 1024;
  std::size_t max_chunk_streams = 32;  ///< Encoders use two to six.
  /// Memory of all messages that have begun and not ended.
  std::size_t max_held_bytes = 10 * 1024 * 1024;
};

class ChunkReader {
 public:
  explicit ChunkReader(ChunkLimits limits) : limits_(limits) {}

  /// Consumes the front of `input` up to the end of one message and returns it (Set Chunk Size
  /// and Abort too, already obeyed), or consumes all of it and returns nothing. Payload bytes are
  /// copied once, into the message's own buffer. kInvalidData, kLimitExceeded: nothing can follow.
  Result<std::optional<Message>> next(std::span<const std::uint8_t>& input);

  /// From the next message header on.
  void set_max_message_bytes(std::size_t bytes) { limits_.max_message_bytes = bytes; }
  /// Of messages that have begun and not ended.
  std::size_t held_bytes() const { return held_bytes_; }
  /// Whether the bytes so far end inside a message or a header.
  bool is_mid_message() const;

 private:
  struct ChunkStream {
    std::uint32_t id = 0;
    // The message header in force, and what the next fmt 3 header repeats.
    MessageType type{};
    std::uint32_t stream_id = 0;
    std::uint32_t length = 0;
    std::uint32_t timestamp = 0;  // Of the message, absolute.
    std::uint32_t delta = 0;
    std::uint32_t field = 0;  // Extended timestamp as it was sent, if `is_extended`.
    bool is_extended = false;
    bool has_header = false;  // A fmt 0 or 1 has come.
    // The message in progress.
    bool is_open = false;
    std::uint32_t received = 0;
    MutableBytes buffer;
  };

  bool fill_header(std::span<const std::uint8_t>& input, std::size_t size);
  Result<bool> read_header(std::span<const std::uint8_t>& input);
  Result<bool> read_message_header(std::span<const std::uint8_t>& input);
  Result<bool> read_extended(std::span<const std::uint8_t>& input);
  Status open_message(ChunkStream& stream);
  Result<ChunkStream*> find_stream(std::uint32_t id);
  Status grow(ChunkStream& stream);
  void discard(ChunkStream& stream);
  void take_timestamp(ChunkStream& stream, std::uint32_t field);
  Status read_payload(std::span<const std::uint8_t>& input);
  Message close_message(ChunkStream& stream);
  Status obey(const Message& message);

  ChunkLimits limits_;
  std::size_t chunk_size_ = kDefaultChunkSize;
  std::vector<ChunkStream> streams_;
  std::size_t held_bytes_ = 0;

  // Where in a chunk the next byte belongs.
  enum class Part { kBasicHeader, kMessageHeader, kExtension, kPayload };
  Part part_ = Part::kBasicHeader;
  // A header in progress: basic 1..3, message 0..11, extended timestamp 4 bytes (5.3.1).
  std::array<std::uint8_t, 18> header_{};
  std::size_t header_size_ = 0;        // Bytes of it that have come.
  std::size_t header_start_ = 0;       // Where the current part begins.
  bool is_payload_in_header_ = false;  // What was taken for an extended timestamp is none.
  int format_ = 0;
  std::size_t current_ = 0;          // Index of the chunk's stream.
  std::size_t chunk_remaining_ = 0;  // Payload bytes of the chunk still to come.
};

}  // namespace millrace::net::rtmp
