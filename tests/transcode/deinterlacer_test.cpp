#include "transcode/deinterlacer.h"

#include <cstdlib>
#include <random>

#include "tests/transcode/picture.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::transcode;

namespace {

constexpr int kWidth = 160, kHeight = 90;

/// Of two pictures' lines: the even ones of `top`, the odd ones of `bottom`.
FramePointer weave(const AVFrame& top, const AVFrame& bottom, bool top_is_first) {
  FramePointer woven = test::make_picture(top.width, top.height, 0);
  for (int plane = 0; plane < 3; ++plane) {
    const int height = plane == 0 ? top.height : top.height / 2;
    const int width = plane == 0 ? top.width : top.width / 2;
    for (int y = 0; y < height; ++y) {
      const AVFrame& from = y % 2 == 0 ? top : bottom;
      std::copy_n(from.data[plane] + y * from.linesize[plane], width,
                  woven->data[plane] + y * woven->linesize[plane]);
    }
  }
  woven->interlaced_frame = 1;
  woven->top_field_first = top_is_first ? 1 : 0;
  return woven;
}

/// The camera's pictures 2n and 2n + 1 in one.
FramePointer interlaced(int n, bool top_is_first = true) {
  const auto first = test::make_picture(kWidth, kHeight, 2 * n);
  const auto second = test::make_picture(kWidth, kHeight, 2 * n + 1);
  return top_is_first ? weave(*first, *second, true) : weave(*second, *first, false);
}

/// Mean difference of the luma samples.
double difference(const AVFrame& a, const AVFrame& b) {
  double sum = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x)
      sum += std::abs(a.data[0][y * a.linesize[0] + x] - b.data[0][y * b.linesize[0] + x]);
  return sum / (a.width * a.height);
}

}  // namespace

TEST_CASE("a moving picture becomes that of its first field", "[deinterlacer]") {
  const bool top_is_first = GENERATE(true, false);
  Deinterlacer deinterlacer;
  for (int n = 0; n < 5; ++n) {
    const auto woven = interlaced(n, top_is_first);
    const auto taken = test::make_picture(kWidth, kHeight, 2 * n);
    FramePointer input(av_frame_clone(woven.get()));
    const auto made = deinterlacer.process(std::move(input));
    REQUIRE(made);
    CHECK(made->interlaced_frame == 0);
    CHECK(made->width == kWidth);
    CHECK(made->height == kHeight);
    CHECK(difference(*woven, *taken) > 2);
    CHECK(difference(*made, *taken) < difference(*woven, *taken) / 4);
  }
}

TEST_CASE("a picture at rest keeps every line", "[deinterlacer]") {
  Deinterlacer deinterlacer;
  const auto still = test::make_picture(kWidth, kHeight, 3);
  for (int n = 0; n < 3; ++n) {
    const auto made = deinterlacer.process(weave(*still, *still, true));
    if (n > 0) CHECK(difference(*made, *still) == 0);
  }
}

TEST_CASE("progressive pictures and unknown formats are handed back", "[deinterlacer]") {
  Deinterlacer deinterlacer;
  auto progressive = test::make_picture(kWidth, kHeight, 0);
  const auto* const samples = progressive->data[0];
  progressive = deinterlacer.process(std::move(progressive));
  CHECK(progressive->data[0] == samples);

  FramePointer unknown(av_frame_alloc());
  unknown->format = AV_PIX_FMT_VAAPI;
  unknown->interlaced_frame = 1;
  CHECK(deinterlacer.process(std::move(unknown))->format == AV_PIX_FMT_VAAPI);

  // One that differs from the one before in size begins anew.
  CHECK(deinterlacer.process(interlaced(0)));
  auto small = test::make_picture(32, 2, 0);
  small->interlaced_frame = 1;
  const auto made = deinterlacer.process(std::move(small));
  CHECK(made->width == 32);
  CHECK(made->interlaced_frame == 0);
}

TEST_CASE("vectors make what one sample at a time makes", "[deinterlacer]") {
  Deinterlacer vectors, scalar(false);
  std::minstd_rand random(7);
  for (int n = 0; n < 3; ++n) {
    auto noise = test::make_picture(102, 40, 0);
    for (int y = 0; y < 40; ++y)
      for (int x = 0; x < 102; ++x)
        noise->data[0][y * noise->linesize[0] + x] = static_cast<std::uint8_t>(random() % 256);
    noise->interlaced_frame = 1;
    FramePointer same(av_frame_clone(noise.get()));
    CHECK(difference(*vectors.process(std::move(noise)), *scalar.process(std::move(same))) == 0);
  }
}

TEST_CASE("pictures of any size are made without reading beside them", "[deinterlacer]") {
  for (const int width : {2, 4, 6, 36, 38}) {
    Deinterlacer deinterlacer;
    for (int n = 0; n < 2; ++n) {
      auto picture = test::make_picture(width, 4, n);
      picture->interlaced_frame = 1;
      CHECK(deinterlacer.process(std::move(picture))->width == width);
    }
  }
}
