// Any bytes as what a worker, or the server, sends: an error at worst, and what is read survives
// being written again.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "transcode/worker/protocol.h"

namespace {

using namespace millrace::transcode::worker;
using millrace::Bytes;

constexpr std::size_t kHeaderBytes = 5;

millrace::Status read_any(MessageType type, const Bytes& body) {
  switch (type) {
    case MessageType::kConfiguration:
      if (const auto read = read_configuration(body); read.has_value())
        CHECK(write_configuration(read.value()).slice(kHeaderBytes) == body);
      break;
    case MessageType::kReady:
      if (read_ready(body).has_value()) CHECK(write_ready().slice(kHeaderBytes) == body);
      break;
    case MessageType::kTrack:
      if (const auto read = read_track(body); read.has_value())
        CHECK(write_track(read.value().rung, read.value().track).slice(kHeaderBytes) == body);
      break;
    case MessageType::kPacket:
      if (const auto read = read_packet(body); read.has_value())
        CHECK(write_packet_header(read.value()).size() - kHeaderBytes +
                  read.value().packet.payload.size() ==
              body.size());
      break;
    case MessageType::kStatistics:
      if (const auto read = read_statistics(body); read.has_value())
        CHECK(write_statistics(read.value()).slice(kHeaderBytes) == body);
      break;
    case MessageType::kFailure:
      if (const auto read = read_failure(body); read.has_value())
        CHECK(write_failure(read.value()).slice(kHeaderBytes) == body);
      break;
    case MessageType::kDevice:
      if (const auto read = read_device(body); read.has_value())
        CHECK(write_device(read.value()).slice(kHeaderBytes) == body);
      break;
  }
  return millrace::ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  // The first byte says how the stream is cut into reads.
  const std::size_t step = bytes[0] + std::size_t{1};
  FrameReader frames;
  for (std::size_t at = 1; at < size; at += step)
    if (!frames.append({bytes + at, std::min(step, size - at)}, read_any).has_value()) break;
  return 0;
}
