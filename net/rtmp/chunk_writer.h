#pragma once
// Cuts messages into RTMP chunks (RTMP 1.0, 5.3). One thread.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "net/rtmp/message.h"

namespace millrace::net::rtmp {

/// A message on its way out; `payload` must live until write() returns.
struct OutgoingMessage {
  std::uint32_t chunk_stream = 0;  ///< 2..63
  MessageType type{};
  std::uint32_t timestamp = 0;
  std::uint32_t stream_id = 0;
  std::span<const std::uint8_t> payload;
};

class ChunkWriter {
 public:
  /// Appends the message's chunks to `out`, with the smallest header that says it.
  void write(const OutgoingMessage& message, std::vector<std::uint8_t>& out);
  /// Appends Set Chunk Size; what follows is cut by it.
  void set_chunk_size(std::size_t size, std::vector<std::uint8_t>& out);

 private:
  struct ChunkStream {
    std::uint32_t id = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t stream_id = 0;
    std::size_t length = 0;
    MessageType type{};
    bool is_used = false;
  };

  ChunkStream& find_stream(std::uint32_t id);

  std::size_t chunk_size_ = kDefaultChunkSize;
  std::vector<ChunkStream> streams_;
};

}  // namespace millrace::net::rtmp
