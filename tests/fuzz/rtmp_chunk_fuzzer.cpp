// Any bytes as RTMP chunks, in pieces: an error at worst, memory within its limit, and the messages
// and the error are those of the same bytes at once.
#include <optional>
#include <vector>

#include "base/check.h"
#include "net/rtmp/chunk_reader.h"
#include "tests/fuzz/pieces.h"

namespace {

using namespace millrace::net::rtmp;

// So small that an input can reach them.
constexpr ChunkLimits kLimits{
    .max_message_bytes = 20'000, .max_chunk_streams = 4, .max_held_bytes = 30'000};

struct Reading {
  ChunkReader reader{kLimits};
  std::vector<Message> messages;
  std::optional<millrace::ErrorCode> error;

  /// False after an error.
  bool take(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const auto left = bytes.size();
      auto message = reader.next(bytes);
      CHECK(reader.held_bytes() <= kLimits.max_held_bytes);
      if (!message.has_value()) {
        error = message.error().code;
        return false;
      }
      CHECK(bytes.size() < left && (message.value() || bytes.empty()));
      if (message.value()) messages.push_back(std::move(*message.value()));
    }
    return true;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const millrace::test::Pieces pieces({bytes, size});
  Reading in_pieces, at_once;
  pieces.for_each([&](auto piece) { return in_pieces.take(piece); });
  at_once.take(pieces.whole());

  CHECK(in_pieces.error == at_once.error);
  CHECK(in_pieces.messages.size() == at_once.messages.size());
  for (std::size_t i = 0; i < at_once.messages.size(); ++i) {
    const auto &one = in_pieces.messages[i], &other = at_once.messages[i];
    CHECK(one.type == other.type && one.timestamp == other.timestamp);
    CHECK(one.stream_id == other.stream_id && one.payload == other.payload);
    CHECK(one.payload.size() <= kLimits.max_message_bytes);
  }
  if (at_once.error) return 0;
  CHECK(in_pieces.reader.held_bytes() == at_once.reader.held_bytes());
  CHECK(in_pieces.reader.is_mid_message() == at_once.reader.is_mid_message());
  return 0;
}
