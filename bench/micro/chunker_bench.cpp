// A second of a channel through the packager, into parts of 200 ms: 720p30 of 2.5 Mb/s, and AAC of
// 160 kb/s. Measured are the copies of payloads into parts, their boxes and their memory; not the
// payloads' own, which are in the cache here as they seldom are in the server.
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>

#include "packager/packager.h"
#include "tests/support/video_source.h"

namespace {

using namespace millrace;

constexpr std::size_t kPictureBytes = 2'500'000 / 8 / 30;
constexpr std::size_t kKeyFrameBytes = 7 * kPictureBytes;
constexpr std::size_t kAudioFrameBytes = 160'000 / 8 * 1024 / 48000;

/// As the window has it, of which a few seconds are kept.
struct Window final : Sink<CmafChunk> {
  Status push(CmafChunk chunk) override {
    bytes += chunk.bytes.size();
    if (chunks.size() < 100) {
      chunks.push_back(std::move(chunk));
    } else {
      chunks[oldest++ % 100] = std::move(chunk);
    }
    return ok();
  }
  Status finish() override { return ok(); }
  std::vector<CmafChunk> chunks;
  std::size_t oldest = 0, bytes = 0;
};

/// A NAL unit's length, its first byte, and something.
Bytes payload_of(std::size_t size, std::uint8_t first_byte) {
  MutableBytes bytes(size);
  std::memset(bytes.data(), 0x5A, size);
  for (int i = 0; i < 4; ++i)
    bytes.data()[i] = static_cast<std::uint8_t>((size - 4) >> (24 - 8 * i));
  bytes.data()[4] = first_byte;
  return Bytes(std::move(bytes));
}

void run(benchmark::State& state, test::PacketSource source, int packets_per_second,
         const Bytes& picture, const Bytes& key_frame) {
  Window window;
  auto packager = packager::create({}, window);
  for (auto _ : state) {
    for (int i = 0; i < packets_per_second; ++i) {
      auto packet = source.next();
      packet.payload = packet.opens_segment ? key_frame : picture;
      if (!packager.value()->push(std::move(packet)).has_value())
        return state.SkipWithError("the packager refuses a packet");
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(window.bytes));
}

void second_of_video(benchmark::State& state) {
  run(state, {.track = test::h264_track({30, 1})}, 30, payload_of(kPictureBytes, 0x41),
      payload_of(kKeyFrameBytes, 0x65));
}

void second_of_audio(benchmark::State& state) {
  const auto frame = payload_of(kAudioFrameBytes, 0x21);
  run(state, {.track = test::aac_track(), .key_frame_every = 94}, 47, frame, frame);
}

BENCHMARK(second_of_video)->Unit(benchmark::kMicrosecond);
BENCHMARK(second_of_audio)->Unit(benchmark::kMicrosecond);

}  // namespace
