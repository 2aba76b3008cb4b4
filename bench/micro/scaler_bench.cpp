// A ladder's three scales from 1080p: our cascade, and swscale's bicubic as cascade and each from
// the source. Time per picture; 30 of them are a second of video.
#include <benchmark/benchmark.h>

#include <random>

#include "transcode/frame_scaler.h"

extern "C" {
#include <libswscale/swscale.h>
}

namespace {

using namespace millrace::transcode;

const std::vector<Rung> kRungs = {
    {"720p", 1280, 720, 1}, {"480p", 854, 480, 1}, {"360p", 640, 360, 1}};

FramePointer picture(int width, int height) {
  FramePointer made(av_frame_alloc());
  made->format = AV_PIX_FMT_YUV420P;
  made->width = width;
  made->height = height;
  av_frame_get_buffer(made.get(), 0);
  std::minstd_rand random(1);
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < (plane ? height / 2 : height); ++y)
      for (int x = 0; x < (plane ? width / 2 : width); ++x)
        made->data[plane][y * made->linesize[plane] + x] =
            static_cast<std::uint8_t>(random() % 200 + 20);
  return made;
}

void our_cascade(benchmark::State& state) {
  const auto source = picture(1920, 1080);
  FrameCascade cascade(kRungs);
  const std::vector<bool> wanted(kRungs.size(), true);
  for (auto _ : state) benchmark::DoNotOptimize(cascade.scale(*source, wanted));
}

void swscale_bicubic(benchmark::State& state) {
  const bool is_cascade = state.range(0) != 0;
  const auto source = picture(1920, 1080);
  std::vector<FramePointer> outputs;
  std::vector<SwsContext*> contexts;
  const AVFrame* input = source.get();
  for (const auto& rung : kRungs) {
    contexts.push_back(sws_getContext(input->width, input->height, AV_PIX_FMT_YUV420P, rung.width,
                                      rung.height, AV_PIX_FMT_YUV420P, SWS_BICUBIC, nullptr,
                                      nullptr, nullptr));
    outputs.push_back(picture(rung.width, rung.height));
    if (is_cascade) input = outputs.back().get();
  }
  for (auto _ : state) {
    input = source.get();
    for (std::size_t i = 0; i < kRungs.size(); ++i) {
      sws_scale(contexts[i], input->data, input->linesize, 0, input->height, outputs[i]->data,
                outputs[i]->linesize);
      if (is_cascade) input = outputs[i].get();
    }
  }
  for (auto* context : contexts) sws_freeContext(context);
}

BENCHMARK(our_cascade)->Unit(benchmark::kMicrosecond);
BENCHMARK(swscale_bicubic)->ArgName("cascade")->Arg(1)->Arg(0)->Unit(benchmark::kMicrosecond);

}  // namespace
