#include "net/rtmp/chunk_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "net/rtmp/big_endian.h"

namespace millrace::net::rtmp {
namespace {

// Up to this a message's buffer is taken at once (a 4.5 Mb/s key frame fits); past it the buffer
// doubles as the bytes arrive, so that an announcement alone costs nobody memory.
constexpr std::size_t kFirstAllocation = 256 * 1024;

Error invalid(std::string what) {
  return Error{ErrorCode::kInvalidData, "chunk: " + std::move(what)};
}

}  // namespace

bool ChunkReader::is_mid_message() const {
  return header_size_ > 0 || part_ == Part::kPayload ||
         std::any_of(streams_.begin(), streams_.end(), [](auto& s) { return s.is_open; });
}

Result<std::optional<Message>> ChunkReader::next(std::span<const std::uint8_t>& input) {
  while (!input.empty()) {
    if (part_ != Part::kPayload) {
      ASSIGN_OR_RETURN(const bool is_complete, read_header(input));
      if (!is_complete) break;
    }
    RETURN_IF_ERROR(read_payload(input));
    auto& stream = streams_[current_];
    if (part_ == Part::kPayload || stream.received < stream.length) continue;
    Message message = close_message(stream);
    RETURN_IF_ERROR(obey(message));
    return std::optional(std::move(message));
  }
  return std::optional<Message>();
}

// Brings the header up to `size` bytes, as far as the input goes.
bool ChunkReader::fill_header(std::span<const std::uint8_t>& input, std::size_t size) {
  const auto count = std::min(size - header_size_, input.size());
  std::memcpy(header_.data() + header_size_, input.data(), count);
  header_size_ += count;
  input = input.subspan(count);
  return header_size_ == size;
}

// True once the whole header has come and its stream has a message open.
Result<bool> ChunkReader::read_header(std::span<const std::uint8_t>& input) {
  if (part_ == Part::kBasicHeader) {
    if (!fill_header(input, std::max<std::size_t>(header_size_, 1))) return false;
    // 5.3.1.1: ids 0 and 1 in the first byte say that one or two bytes follow.
    const std::uint32_t low = header_[0] & 0x3F;
    const std::size_t size = low == 0 ? 2 : low == 1 ? 3 : 1;
    if (!fill_header(input, size)) return false;
    std::uint32_t id = low;
    if (size == 2) id = 64U + header_[1];
    if (size == 3) id = 64U + header_[1] + header_[2] * 256U;
    format_ = header_[0] >> 6;
    ASSIGN_OR_RETURN(ChunkStream * stream, find_stream(id));
    current_ = static_cast<std::size_t>(stream - streams_.data());
    header_start_ = size;
    part_ = Part::kMessageHeader;
  }
  if (part_ == Part::kMessageHeader) {
    ASSIGN_OR_RETURN(const bool is_complete, read_message_header(input));
    if (!is_complete) return false;
  }
  if (part_ == Part::kExtension) {
    ASSIGN_OR_RETURN(const bool is_complete, read_extended(input));
    if (!is_complete) return false;
  }
  auto& stream = streams_[current_];
  if (!stream.is_open) RETURN_IF_ERROR(open_message(stream));
  chunk_remaining_ = std::min<std::size_t>(chunk_size_, stream.length - stream.received);
  header_size_ = 0;
  part_ = Part::kPayload;
  if (!is_payload_in_header_) return true;
  is_payload_in_header_ = false;
  if (chunk_remaining_ < 4)
    return invalid(fmt::format("a wrong extended timestamp on chunk stream {}", stream.id));
  std::span<const std::uint8_t> payload(header_.data() + header_start_, 4);
  RETURN_IF_ERROR(read_payload(payload));
  return true;
}

Result<bool> ChunkReader::read_message_header(std::span<const std::uint8_t>& input) {
  constexpr std::array<std::size_t, 4> kSizes = {11, 7, 3, 0};  // 5.3.1.2, by format.
  const auto size = kSizes[static_cast<std::size_t>(format_)];
  if (!fill_header(input, header_start_ + size)) return false;
  auto& stream = streams_[current_];
  if (stream.is_open && format_ != 3)
    return invalid(
        fmt::format("a new message on chunk stream {} before the last one's end", stream.id));
  if (format_ >= 2 && !stream.has_header)
    return invalid(fmt::format("chunk stream {} begins without a message header", stream.id));

  const auto* field = header_.data() + header_start_;
  if (format_ <= 1) {
    stream.length = read_u24(field + 3);
    stream.type = static_cast<MessageType>(field[6]);
    stream.has_header = true;
    if (stream.length > limits_.max_message_bytes)
      return Error{ErrorCode::kLimitExceeded,
                   fmt::format("chunk: a message of {} bytes announced, {} allowed", stream.length,
                               limits_.max_message_bytes)};
  }
  if (format_ == 0)  // 5.3.1.2.1: the stream id is little-endian.
    stream.stream_id = field[7] | static_cast<std::uint32_t>(field[8]) << 8 |
                       static_cast<std::uint32_t>(field[9]) << 16 |
                       static_cast<std::uint32_t>(field[10]) << 24;
  if (format_ <= 2) {
    const auto timestamp = read_u24(field);
    stream.is_extended = timestamp == kExtendedTimestamp;
    if (!stream.is_extended) take_timestamp(stream, timestamp);
  } else if (!stream.is_open && !stream.is_extended) {
    // 5.3.1.2.4: the message has the delta of the one before it; behind a fmt 0 that is its
    // timestamp, and FFmpeg counts on it.
    stream.timestamp += stream.delta;
  }
  header_start_ = header_size_;
  // 5.3.1.3: a fmt 3 chunk has the extended field when the last other header had it.
  part_ = stream.is_extended ? Part::kExtension : Part::kPayload;
  return true;
}

Result<bool> ChunkReader::read_extended(std::span<const std::uint8_t>& input) {
  if (!fill_header(input, header_start_ + 4)) return false;
  auto& stream = streams_[current_];
  const auto value = read_u32(header_.data() + header_start_);
  if (format_ <= 2) {
    stream.field = value;
    take_timestamp(stream, value);
    return true;
  }
  const auto previous = stream.timestamp;
  if (!stream.is_open) stream.timestamp += stream.delta;
  // Some encoders leave the field out of fmt 3 chunks, against 5.3.1.3: the bytes are payload.
  is_payload_in_header_ = value != stream.field && value != stream.timestamp && value != previous;
  return true;
}

void ChunkReader::take_timestamp(ChunkStream& stream, std::uint32_t field) {
  stream.delta = field;
  stream.timestamp = format_ == 0 ? field : stream.timestamp + field;
}

Result<ChunkReader::ChunkStream*> ChunkReader::find_stream(std::uint32_t id) {
  for (auto& stream : streams_)
    if (stream.id == id) return &stream;
  if (streams_.size() >= limits_.max_chunk_streams)
    return Error{ErrorCode::kLimitExceeded,
                 fmt::format("chunk: more than {} chunk streams", limits_.max_chunk_streams)};
  streams_.push_back({});
  streams_.back().id = id;
  return &streams_.back();
}

Status ChunkReader::open_message(ChunkStream& stream) {
  stream.is_open = true;
  stream.received = 0;
  stream.buffer = {};
  return stream.length == 0 ? ok() : grow(stream);
}

// Makes room for further bytes; the last growth fits the message exactly.
Status ChunkReader::grow(ChunkStream& stream) {
  const std::size_t size =
      std::min<std::size_t>(stream.length, std::max(kFirstAllocation, stream.buffer.size() * 2));
  if (held_bytes_ - stream.buffer.size() + size > limits_.max_held_bytes)
    return Error{
        ErrorCode::kLimitExceeded,
        fmt::format("chunk: unfinished messages of more than {} bytes", limits_.max_held_bytes)};
  MutableBytes larger(size);
  if (stream.received > 0) std::memcpy(larger.data(), stream.buffer.data(), stream.received);
  held_bytes_ += size - stream.buffer.size();
  stream.buffer = std::move(larger);
  return ok();
}

Status ChunkReader::read_payload(std::span<const std::uint8_t>& input) {
  auto& stream = streams_[current_];
  while (chunk_remaining_ > 0 && !input.empty()) {
    if (stream.received == stream.buffer.size()) RETURN_IF_ERROR(grow(stream));
    const auto count =
        std::min({chunk_remaining_, input.size(), stream.buffer.size() - stream.received});
    std::memcpy(stream.buffer.data() + stream.received, input.data(), count);
    stream.received += static_cast<std::uint32_t>(count);
    chunk_remaining_ -= count;
    input = input.subspan(count);
  }
  if (chunk_remaining_ == 0) part_ = Part::kBasicHeader;
  return ok();
}

Message ChunkReader::close_message(ChunkStream& stream) {
  held_bytes_ -= stream.buffer.size();
  stream.is_open = false;
  return {stream.type, stream.timestamp, stream.stream_id, Bytes(std::move(stream.buffer))};
}

void ChunkReader::discard(ChunkStream& stream) {
  held_bytes_ -= stream.buffer.size();
  stream.buffer = {};
  stream.is_open = false;
}

Status ChunkReader::obey(const Message& message) {
  if (message.type != MessageType::kSetChunkSize && message.type != MessageType::kAbort)
    return ok();
  if (message.payload.size() < 4) return invalid("a control message ends early");
  const auto value = read_u32(message.payload.data());
  if (message.type == MessageType::kAbort) {  // 5.4.2
    for (auto& stream : streams_)
      if (stream.id == value && stream.is_open) discard(stream);
    return ok();
  }
  // 5.4.1: "The maximum chunk size SHOULD be at least 128 bytes and MUST be at least 1 byte"; the
  // first bit must be zero. More than a message can have is as good as 2^24 - 1.
  if (value == 0 || value > 0x7FFFFFFF) return invalid("an impossible chunk size");
  chunk_size_ = std::min<std::size_t>(value, 0xFFFFFF);
  return ok();
}

}  // namespace millrace::net::rtmp
