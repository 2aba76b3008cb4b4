// A 1080i picture made progressive. Time per picture; 25 or 30 of them are a second of video.
#include <benchmark/benchmark.h>

#include <random>

#include "transcode/deinterlacer.h"

namespace {

using namespace millrace::transcode;

FramePointer picture(unsigned seed) {
  FramePointer made(av_frame_alloc());
  made->format = AV_PIX_FMT_YUV420P;
  made->width = 1920;
  made->height = 1080;
  made->interlaced_frame = made->top_field_first = 1;
  av_frame_get_buffer(made.get(), 0);
  std::minstd_rand random(seed);
  for (int plane = 0; plane < 3; ++plane)
    for (int i = 0; i < made->linesize[plane] * (plane ? 540 : 1080); ++i)
      made->data[plane][i] = static_cast<std::uint8_t>(random() % 200 + 20);
  return made;
}

void deinterlacing(benchmark::State& state) {
  const FramePointer pictures[] = {picture(1), picture(2)};
  Deinterlacer deinterlacer;
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        deinterlacer.process(FramePointer(av_frame_clone(pictures[i++ % 2].get()))));
}
BENCHMARK(deinterlacing)->Unit(benchmark::kMillisecond);

}  // namespace
