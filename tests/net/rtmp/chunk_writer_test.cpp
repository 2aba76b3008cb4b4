#include "net/rtmp/chunk_writer.h"

#include <catch2/catch.hpp>

#include "net/rtmp/chunk_reader.h"

using namespace millrace::net::rtmp;

namespace {

using ByteVector = std::vector<std::uint8_t>;

std::vector<Message> read_back(const ByteVector& bytes) {
  ChunkReader reader({});
  std::vector<Message> messages;
  std::span<const std::uint8_t> rest(bytes);
  while (!rest.empty()) {
    auto message = reader.next(rest);
    REQUIRE(message.has_value());
    if (message.value()) messages.push_back(std::move(*message.value()));
  }
  return messages;
}

}  // namespace

TEST_CASE("what the chunk writer writes the chunk reader reads", "[rtmp]") {
  ChunkWriter writer;
  ByteVector out;
  // Forward, the same size, backward, extended, an extended delta, and across the wrap.
  const std::vector<std::uint32_t> timestamps{
      0, 33, 66, 10, 0x00FFFFFF, 0x01000010, 0x40000000, 0xFFFFFFF0, 0x00000010};
  for (std::size_t i = 0; i < timestamps.size(); ++i) {
    const ByteVector payload(i == 1 ? 300 : 400, static_cast<std::uint8_t>(i));
    if (i == 4) writer.set_chunk_size(256, out);
    writer.write({4, MessageType::kVideo, timestamps[i], 1, payload}, out);
  }
  auto messages = read_back(out);
  std::vector<std::uint32_t> read;
  for (const auto& message : messages) {
    if (message.type != MessageType::kVideo) continue;
    CHECK(message.stream_id == 1);
    CHECK(message.payload[message.payload.size() - 1] == read.size());
    read.push_back(message.timestamp);
  }
  CHECK(read == timestamps);
}

TEST_CASE("headers leave out what has not changed", "[rtmp]") {
  ChunkWriter writer;
  ByteVector out;
  const ByteVector payload(10, 1);
  writer.write({4, MessageType::kVideo, 100, 1, payload}, out);
  CHECK(out.size() == 12 + 10);
  out.clear();
  writer.write({4, MessageType::kVideo, 140, 1, payload}, out);
  CHECK(out.size() == 4 + 10);
  out.clear();
  writer.write({4, MessageType::kAudio, 150, 1, payload}, out);
  CHECK(out.size() == 8 + 10);
  out.clear();
  writer.write({4, MessageType::kAudio, 150, 2, payload}, out);
  CHECK(out.size() == 12 + 10);
}

TEST_CASE("an empty message is one chunk", "[rtmp]") {
  ChunkWriter writer;
  ByteVector out;
  writer.write({3, MessageType::kAudio, 5, 1, {}}, out);
  CHECK(out.size() == 12);
  CHECK(read_back(out).at(0).payload.empty());
}
