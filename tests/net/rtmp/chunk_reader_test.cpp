#include "net/rtmp/chunk_reader.h"

#include <catch2/catch.hpp>

#include "net/rtmp/big_endian.h"

using millrace::ErrorCode;
using namespace millrace::net::rtmp;

namespace {

using ByteVector = std::vector<std::uint8_t>;

// Chunks by hand, so that the reader is not tested with the writer's mistakes.
struct Chunks {
  ByteVector bytes;

  Chunks& u(std::uint64_t value, int size) {
    append_big_endian(bytes, value, size);
    return *this;
  }
  Chunks& full(int id, std::uint32_t timestamp, std::size_t length, int type,
               std::uint32_t stream = 1) {
    u(static_cast<std::uint64_t>(id), 1).u(timestamp, 3).u(length, 3);
    u(static_cast<std::uint64_t>(type), 1);
    for (int shift = 0; shift < 32; shift += 8) u(stream >> shift & 0xFF, 1);
    return *this;
  }
  Chunks& same_stream(int id, std::uint32_t delta, std::size_t length, int type) {
    u(static_cast<std::uint64_t>(0x40 | id), 1).u(delta, 3).u(length, 3);
    return u(static_cast<std::uint64_t>(type), 1);
  }
  Chunks& same_length(int id, std::uint32_t delta) {
    return u(static_cast<std::uint64_t>(0x80 | id), 1).u(delta, 3);
  }
  Chunks& next(int id) { return u(static_cast<std::uint64_t>(0xC0 | id), 1); }
  Chunks& fill(std::size_t count, std::uint8_t value) {
    bytes.insert(bytes.end(), count, value);
    return *this;
  }
};

struct Outcome {
  std::vector<Message> messages;
  std::optional<millrace::Error> error;
};

Outcome read_all(ChunkReader& reader, const ByteVector& bytes, std::size_t step) {
  Outcome outcome;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    auto part = std::span(bytes).subspan(at, std::min(step, bytes.size() - at));
    std::span<const std::uint8_t> rest = part;
    while (!rest.empty()) {
      auto message = reader.next(rest);
      if (!message.has_value()) {
        outcome.error = message.error();
        return outcome;
      }
      if (message.value()) outcome.messages.push_back(std::move(*message.value()));
    }
  }
  return outcome;
}

// The same whether the bytes come at once or one by one.
Outcome read_all(const ByteVector& bytes, ChunkLimits limits = {}) {
  ChunkReader at_once(limits);
  ChunkReader one_by_one(limits);
  auto outcome = read_all(at_once, bytes, bytes.size());
  const auto other = read_all(one_by_one, bytes, 1);
  REQUIRE(outcome.messages.size() == other.messages.size());
  for (std::size_t i = 0; i < other.messages.size(); ++i) {
    CHECK(outcome.messages[i].timestamp == other.messages[i].timestamp);
    CHECK(outcome.messages[i].payload == other.messages[i].payload);
  }
  CHECK(outcome.error.has_value() == other.error.has_value());
  CHECK(at_once.held_bytes() == one_by_one.held_bytes());
  return outcome;
}

}  // namespace

TEST_CASE("the four chunk formats carry over what they leave out", "[rtmp]") {
  const auto outcome = read_all(Chunks{}
                                    .full(4, 1000, 3, 9, 7)
                                    .fill(3, 1)
                                    .same_stream(4, 40, 2, 8)
                                    .fill(2, 2)
                                    .same_length(4, 33)
                                    .fill(2, 3)
                                    .next(4)
                                    .fill(2, 4)
                                    .bytes);
  REQUIRE(outcome.messages.size() == 4);
  CHECK(outcome.messages[0].stream_id == 7);
  CHECK(outcome.messages[0].type == MessageType::kVideo);
  std::vector<std::uint32_t> timestamps;
  for (const auto& message : outcome.messages) timestamps.push_back(message.timestamp);
  CHECK(timestamps == std::vector<std::uint32_t>{1000, 1040, 1073, 1106});
  CHECK(outcome.messages[3].type == MessageType::kAudio);
  CHECK(outcome.messages[3].stream_id == 7);
  CHECK(outcome.messages[3].payload.size() == 2);
}

TEST_CASE("chunk stream ids have one, two or three bytes", "[rtmp]") {
  ByteVector bytes = Chunks{}.full(63, 0, 1, 9).fill(1, 1).bytes;
  auto two = Chunks{}.full(0, 0, 1, 9).fill(1, 2).bytes;
  two.insert(two.begin() + 1, 255);  // 64 + 255
  auto three = Chunks{}.full(1, 0, 1, 9).fill(1, 3).bytes;
  three.insert(three.begin() + 1, {0, 1});  // 64 + 256, little-endian
  bytes.insert(bytes.end(), two.begin(), two.end());
  bytes.insert(bytes.end(), three.begin(), three.end());
  CHECK(read_all(bytes).messages.size() == 3);
  // They were three streams, not one: with room for two the third is too much.
  CHECK(read_all(bytes, {.max_chunk_streams = 2}).error->code == ErrorCode::kLimitExceeded);
}

TEST_CASE("messages of interleaved chunk streams come out whole", "[rtmp]") {
  const auto outcome = read_all(Chunks{}
                                    .full(4, 10, 200, 9)
                                    .fill(128, 1)
                                    .full(5, 20, 130, 8)
                                    .fill(128, 2)
                                    .next(4)
                                    .fill(72, 1)
                                    .next(5)
                                    .fill(2, 2)
                                    .bytes);
  REQUIRE(outcome.messages.size() == 2);
  CHECK(outcome.messages[0].payload == millrace::Bytes::copy_of(ByteVector(200, 1)));
  CHECK(outcome.messages[1].payload == millrace::Bytes::copy_of(ByteVector(130, 2)));
}

TEST_CASE("a new chunk size holds from the next chunk on", "[rtmp]") {
  const auto outcome = read_all(Chunks{}
                                    .full(2, 0, 4, 1, 0)
                                    .u(1000, 4)
                                    .full(4, 0, 1500, 9)
                                    .fill(1000, 1)
                                    .next(4)
                                    .fill(500, 1)
                                    .bytes);
  REQUIRE(outcome.messages.size() == 2);
  CHECK(outcome.messages[1].payload.size() == 1500);
}

TEST_CASE("an impossible chunk size is refused", "[rtmp]") {
  const std::uint32_t size = GENERATE(0U, 0x80000000U, 0xFFFFFFFFU);
  const auto outcome = read_all(Chunks{}.full(2, 0, 4, 1, 0).u(size, 4).bytes);
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == ErrorCode::kInvalidData);
}

TEST_CASE("Abort drops what has come of a message", "[rtmp]") {
  Chunks chunks;
  chunks.full(4, 0, 200, 9).fill(128, 1).full(2, 0, 4, 2, 0).u(4, 4);
  chunks.full(4, 5, 1, 9).fill(1, 9);
  ChunkReader reader({});
  const auto outcome = read_all(reader, chunks.bytes, chunks.bytes.size());
  REQUIRE(outcome.messages.size() == 2);
  CHECK(outcome.messages[1].payload == millrace::Bytes::copy_of(ByteVector{9}));
  CHECK(reader.held_bytes() == 0);
  CHECK_FALSE(reader.is_mid_message());
}

TEST_CASE("an extended timestamp is repeated in every chunk, as FFmpeg and librtmp send it",
          "[rtmp]") {
  const std::uint32_t late = 0x01234567;
  const auto outcome = read_all(Chunks{}
                                    .full(4, 0xFFFFFF, 200, 9)
                                    .u(late, 4)
                                    .fill(128, 1)
                                    .next(4)
                                    .u(late, 4)
                                    .fill(72, 1)
                                    .same_stream(4, 40, 1, 9)
                                    .fill(1, 2)
                                    .bytes);
  REQUIRE(outcome.messages.size() == 2);
  CHECK(outcome.messages[0].timestamp == late);
  CHECK(outcome.messages[0].payload == millrace::Bytes::copy_of(ByteVector(200, 1)));
  CHECK(outcome.messages[1].timestamp == late + 40);
}

TEST_CASE("a sender that leaves the extended timestamp out of fmt 3 chunks is understood",
          "[rtmp]") {
  const auto outcome = read_all(
      Chunks{}.full(4, 0xFFFFFF, 200, 9).u(0x01234567, 4).fill(128, 1).next(4).fill(72, 2).bytes);
  REQUIRE(outcome.messages.size() == 1);
  auto expected = ByteVector(128, 1);
  expected.resize(200, 2);
  CHECK(outcome.messages[0].payload == millrace::Bytes::copy_of(expected));
}

TEST_CASE("an extended delta that a continuation gives as the absolute time is understood",
          "[rtmp]") {
  const auto outcome = read_all(Chunks{}
                                    .full(4, 100, 1, 9)
                                    .fill(1, 0)
                                    .same_stream(4, 0xFFFFFF, 130, 9)
                                    .u(0x01000000, 4)
                                    .fill(128, 1)
                                    .next(4)
                                    .u(0x01000000 + 100, 4)
                                    .fill(2, 1)
                                    .bytes);
  REQUIRE(outcome.messages.size() == 2);
  CHECK(outcome.messages[1].timestamp == 0x01000000 + 100);
  CHECK(outcome.messages[1].payload == millrace::Bytes::copy_of(ByteVector(130, 1)));
}

TEST_CASE("timestamps wrap at 2^32", "[rtmp]") {
  const auto outcome = read_all(Chunks{}
                                    .full(4, 0xFFFFFF, 1, 9)
                                    .u(0xFFFFFFF0, 4)
                                    .fill(1, 1)
                                    .same_length(4, 0x20)
                                    .fill(1, 1)
                                    .bytes);
  REQUIRE(outcome.messages.size() == 2);
  CHECK(outcome.messages[1].timestamp == 0x10);
}

TEST_CASE("a message that announces too much is refused at its header", "[rtmp]") {
  ChunkReader reader({.max_message_bytes = 8 * 1024 * 1024});
  const auto outcome = read_all(reader, Chunks{}.full(4, 0, 0xFFFFFF, 9).bytes, 12);
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == ErrorCode::kLimitExceeded);
  CHECK(reader.held_bytes() == 0);
}

TEST_CASE("memory for a large message grows with what has come of it", "[rtmp]") {
  constexpr std::size_t kLength = 5'000'000;
  ChunkReader reader({});
  const auto chunk_size = Chunks{}.full(2, 0, 4, 1, 0).u(0xFFFFFF, 4).bytes;
  read_all(reader, chunk_size, chunk_size.size());
  const auto header = Chunks{}.full(4, 0, kLength, 9).fill(1, 7).bytes;
  read_all(reader, header, header.size());
  CHECK(reader.held_bytes() <= 256 * 1024);
  CHECK(reader.is_mid_message());

  const ByteVector half(1'000'000, 7);
  read_all(reader, half, half.size());
  CHECK(reader.held_bytes() <= 2'100'000);
  const ByteVector rest(kLength - 1 - half.size(), 7);
  const auto outcome = read_all(reader, rest, rest.size());
  REQUIRE(outcome.messages.size() == 1);
  CHECK(outcome.messages[0].payload == millrace::Bytes::copy_of(ByteVector(kLength, 7)));
  CHECK(reader.held_bytes() == 0);
}

TEST_CASE("the memory of all unfinished messages together is limited", "[rtmp]") {
  Chunks chunks;
  for (int id = 3; id < 20; ++id) chunks.full(id, 0, 200'000, 9).fill(128, 1);
  const auto outcome = read_all(chunks.bytes, {.max_held_bytes = 1'000'000});
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == ErrorCode::kLimitExceeded);
}

TEST_CASE("a header that cannot be is refused", "[rtmp]") {
  // Fmt 2 and 3 with nothing to carry over; a new message inside another.
  const auto bytes = GENERATE(as<ByteVector>{}, Chunks{}.same_length(4, 1).bytes,
                              Chunks{}.next(4).fill(1, 0).bytes,
                              Chunks{}.full(4, 0, 200, 9).fill(128, 1).full(4, 0, 1, 9).bytes);
  const auto outcome = read_all(bytes);
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == ErrorCode::kInvalidData);
}

TEST_CASE("fmt 1 may begin a chunk stream, as librtmp's first ping does", "[rtmp]") {
  const auto outcome = read_all(Chunks{}.same_stream(2, 5, 6, 4).fill(6, 0).bytes);
  REQUIRE(outcome.messages.size() == 1);
  CHECK(outcome.messages[0].timestamp == 5);
}

TEST_CASE("an empty message is a message", "[rtmp]") {
  const auto outcome = read_all(Chunks{}.full(4, 9, 0, 9).full(5, 1, 1, 8).fill(1, 1).bytes);
  REQUIRE(outcome.messages.size() == 2);
  CHECK(outcome.messages[0].payload.empty());
}
