// A PQ picture scaled and made standard dynamic range. Time per picture; 25 to 60 of them are a
// second of video.
#include <benchmark/benchmark.h>

#include <random>

#include "transcode/tone_mapper.h"

namespace {

using namespace millrace;
using namespace millrace::transcode;

constexpr Colour kPq{.primaries = 9, .transfer = 16, .matrix = 9};

/// Blocks of colours, with noise: few cells of the table at a time, as in what cameras take.
FramePointer picture(int width, int height) {
  FramePointer made(av_frame_alloc());
  made->format = AV_PIX_FMT_YUV420P10;
  made->width = width;
  made->height = height;
  av_frame_get_buffer(made.get(), 0);
  std::minstd_rand random(1);
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < (plane ? height / 2 : height); ++y)
      for (int x = 0; x < (plane ? width / 2 : width); ++x) {
        const auto level = static_cast<unsigned>((x / 64 * 37 + y / 64 * 53 + plane * 91) % 500);
        reinterpret_cast<std::uint16_t*>(made->data[plane] + y * made->linesize[plane])[x] =
            static_cast<std::uint16_t>(level + 200 + random() % 32);
      }
  return made;
}

void tone_mapping(benchmark::State& state) {
  const auto from = static_cast<int>(state.range(0)), to = static_cast<int>(state.range(1));
  const auto source = picture(from * 16 / 9, from);
  ToneMapper mapper(to * 16 / 9, to, state.range(2) != 0);
  for (auto _ : state) benchmark::DoNotOptimize(mapper.map(*source, kPq));
  state.SetLabel(state.range(2) != 0 ? "best" : "scalar");
}
BENCHMARK(tone_mapping)
    ->Args({720, 720, 1})
    ->Args({1080, 720, 1})
    ->Args({1080, 1080, 1})
    ->Args({1080, 1080, 0})
    ->Args({2160, 1080, 1})
    ->Unit(benchmark::kMillisecond);

void making_the_table(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ToneTable(ToneCurve(kPq, 1000), kPq).luma.data());
}
BENCHMARK(making_the_table)->Unit(benchmark::kMillisecond);

}  // namespace
