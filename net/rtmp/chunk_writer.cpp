#include "net/rtmp/chunk_writer.h"

#include <algorithm>

#include "base/check.h"
#include "net/rtmp/big_endian.h"

namespace millrace::net::rtmp {
namespace {

constexpr std::uint32_t kControlChunkStream = 2;  // 5.4: "chunk stream ID 2, message stream ID 0"

void append_basic_header(std::vector<std::uint8_t>& out, int format, std::uint32_t id) {
  out.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(format) << 6 | id));
}

}  // namespace

ChunkWriter::ChunkStream& ChunkWriter::find_stream(std::uint32_t id) {
  CHECK(id >= 2 && id <= 63);
  for (auto& stream : streams_)
    if (stream.id == id) return stream;
  streams_.push_back({});
  streams_.back().id = id;
  return streams_.back();
}

void ChunkWriter::set_chunk_size(std::size_t size, std::vector<std::uint8_t>& out) {
  CHECK(size >= kDefaultChunkSize && size <= 0xFFFFFF);
  std::vector<std::uint8_t> payload;
  append_big_endian(payload, size, 4);
  write({kControlChunkStream, MessageType::kSetChunkSize, 0, 0, payload}, out);
  chunk_size_ = size;
}

void ChunkWriter::write(const OutgoingMessage& message, std::vector<std::uint8_t>& out) {
  CHECK(message.payload.size() <= 0xFFFFFF);
  auto& stream = find_stream(message.chunk_stream);
  const auto delta = message.timestamp - stream.timestamp;
  // A delta is unsigned: a timestamp that runs back needs fmt 0. Fmt 3 is not used to begin a
  // message, since readers do not agree on its timestamp.
  int format = 0;
  if (stream.is_used && stream.stream_id == message.stream_id && delta < 0x80000000) {
    const bool is_same = stream.length == message.payload.size() && stream.type == message.type;
    format = is_same ? 2 : 1;
  }
  const std::uint32_t time = format == 0 ? message.timestamp : delta;
  const bool is_extended = time >= kExtendedTimestamp;

  append_basic_header(out, format, message.chunk_stream);
  append_big_endian(out, is_extended ? kExtendedTimestamp : time, 3);
  if (format <= 1) {
    append_big_endian(out, message.payload.size(), 3);
    out.push_back(static_cast<std::uint8_t>(message.type));
  }
  if (format == 0)
    for (int shift = 0; shift < 32; shift += 8)
      out.push_back(static_cast<std::uint8_t>(message.stream_id >> shift));
  if (is_extended) append_big_endian(out, time, 4);

  auto rest = message.payload;
  for (;;) {
    const auto count = std::min(chunk_size_, rest.size());
    out.insert(out.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
    rest = rest.subspan(count);
    if (rest.empty()) break;
    append_basic_header(out, 3, message.chunk_stream);
    if (is_extended) append_big_endian(out, time, 4);
  }
  stream = {message.chunk_stream,   message.timestamp, message.stream_id,
            message.payload.size(), message.type,      true};
}

}  // namespace millrace::net::rtmp
