// A segment of 2 s as MPEG-TS: 720p30 of 5 Mb/s, and AAC of 128 kb/s, from CMAF that is in memory.
// What it costs an event loop when a player asks for a segment that nobody has asked for yet.
#include <benchmark/benchmark.h>

#include <cstring>
#include <map>

#include "packager/packager.h"
#include "tests/support/recording_sink.h"
#include "tests/support/video_source.h"

namespace {

using namespace millrace;

constexpr std::size_t kPictureBytes = 5'000'000 / 8 / 30;
constexpr std::size_t kAudioFrameBytes = 128'000 / 8 * 1024 / 48000;

/// A NAL unit's length, its first byte, and something.
Bytes payload_of(std::size_t size, std::uint8_t first_byte) {
  MutableBytes bytes(size);
  std::memset(bytes.data(), 0x5A, size);
  for (int i = 0; i < 4; ++i)
    bytes.data()[i] = static_cast<std::uint8_t>((size - 4) >> (24 - 8 * i));
  bytes.data()[4] = first_byte;
  return Bytes(std::move(bytes));
}

CmafSegment segment_of(test::PacketSource source, int packets, std::size_t size) {
  test::RecordingSink<CmafChunk> chunks;
  auto packager = packager::create({}, chunks);
  for (int i = 0; i < packets; ++i) {
    auto packet = source.next();
    // Each has its bytes, as in the server: they are in no cache either.
    packet.payload = payload_of(size, packet.is_key_frame ? 0x65 : 0x41);
    if (!packager.value()->push(std::move(packet)).has_value()) std::abort();
  }
  if (!packager.value()->finish().has_value()) std::abort();
  CmafSegment segment{.init = chunks.items.front().init->bytes, .chunks = {}};
  for (const auto& chunk : chunks.items) segment.chunks.push_back(chunk.bytes);
  return segment;
}

void ts_segment(benchmark::State& state) {
  const auto video = segment_of({.track = test::h264_track({30, 1})}, 60, kPictureBytes);
  const auto audio =
      segment_of({.track = test::aac_track(), .key_frame_every = 1000}, 94, kAudioFrameBytes);
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto made = packager::write_ts_segment(video, audio, 100);
    if (!made.has_value()) return state.SkipWithError("no segment");
    benchmark::DoNotOptimize(made.value().data());
    bytes += made.value().size();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(ts_segment)->Unit(benchmark::kMicrosecond);

}  // namespace
