// What the stream report costs each packet.
#include <benchmark/benchmark.h>

#include <chrono>

#include "ingest/report/source_figures.h"

namespace {

using namespace std::chrono_literals;

void add_packet(benchmark::State& state) {
  millrace::ingest::SourceFigures figures;
  millrace::ingest::SourcePacket video;
  video.track = std::make_shared<const millrace::TrackInfo>();
  millrace::ingest::SourcePacket audio = video;
  millrace::TrackInfo sound;
  sound.kind = millrace::MediaKind::kAudio;
  audio.track = std::make_shared<const millrace::TrackInfo>(sound);
  std::int64_t sent = 0;
  for (auto _ : state) {
    millrace::ingest::SourcePacket& packet = sent % 2 == 0 ? video : audio;
    packet.dts = packet.pts = sent * 20ms;
    packet.received_at += 40ms;
    packet.is_key_frame = sent % 100 == 0;
    figures.add(packet);
    ++sent;
  }
  benchmark::DoNotOptimize(figures.figures());
}
BENCHMARK(add_packet);

}  // namespace
