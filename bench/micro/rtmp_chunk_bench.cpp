// A second of RTMP (30 pictures of 2.5 Mb/s, 47 AAC frames of 160 kb/s) through the chunk reader, a
// message at a time as a live encoder sends them, by the encoder's chunk size: OBS has 4096, FFmpeg
// 60000, and 128 is what holds before anyone says anything.
#include <benchmark/benchmark.h>

#include <vector>

#include "net/rtmp/chunk_reader.h"
#include "tests/support/rtmp_client.h"

namespace {

using namespace millrace;

constexpr std::size_t kPictureBytes = 2'500'000 / 8 / 30;
constexpr std::size_t kAudioFrameBytes = 160'000 / 8 * 1024 / 48000;

/// What arrives, message by message, from a second whose headers can follow on itself.
std::vector<std::vector<std::uint8_t>> second_of_stream(std::size_t chunk_size,
                                                        std::vector<std::uint8_t>& set_up) {
  test::RtmpClient client;
  client.set_chunk_size(chunk_size);
  const std::vector<std::uint8_t> picture(kPictureBytes, 0x5A), audio(kAudioFrameBytes, 0x5A);
  client.video(0, picture);
  client.audio(0, audio);
  set_up = std::exchange(client.bytes, {});
  std::vector<std::vector<std::uint8_t>> messages;
  for (std::uint32_t i = 1; i <= 47; ++i) {
    client.audio(i * 1000 / 47, audio);
    messages.push_back(std::exchange(client.bytes, {}));
    if (i * 30 / 47 == (i - 1) * 30 / 47) continue;
    client.video(i * 1000 / 47, picture);
    messages.push_back(std::exchange(client.bytes, {}));
  }
  return messages;
}

void second_of_chunks(benchmark::State& state) {
  std::vector<std::uint8_t> set_up;
  const auto messages = second_of_stream(static_cast<std::size_t>(state.range(0)), set_up);
  net::rtmp::ChunkReader reader{{}};
  const auto read = [&reader](std::span<const std::uint8_t> bytes) {
    std::size_t count = 0;
    while (!bytes.empty()) {
      auto message = reader.next(bytes);
      if (!message.has_value()) return count;
      count += message.value().has_value() ? 1 : 0;
      benchmark::DoNotOptimize(message);
    }
    return count;
  };
  read(set_up);
  std::size_t bytes = 0;
  for (auto _ : state)
    for (const auto& message : messages) {
      if (read(message) != 1) return state.SkipWithError("a message was not read");
      bytes += message.size();
    }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

BENCHMARK(second_of_chunks)
    ->ArgName("chunk_size")
    ->Arg(4096)
    ->Arg(60000)
    ->Arg(128)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
