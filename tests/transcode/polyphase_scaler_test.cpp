#include "transcode/polyphase_scaler.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

extern "C" {
#include <libswscale/swscale.h>
}

using millrace::transcode::AxisFilter;
using millrace::transcode::PolyphaseScaler;
using millrace::transcode::SampleSiting;

namespace {

struct Plane {
  Plane(int plane_width, int plane_height)
      : width(plane_width),
        height(plane_height),
        samples(static_cast<std::size_t>(plane_width * plane_height)) {}
  int width, height;
  std::vector<std::uint8_t> samples;
};

Plane scaled(const Plane& input, int width, int height, PolyphaseScaler::Code code,
             SampleSiting siting = SampleSiting::kCentre) {
  Plane output(width, height);
  PolyphaseScaler scaler(input.width, input.height, width, height, siting, code);
  scaler.scale(input.samples.data(), input.width, output.samples.data(), width);
  return output;
}

}  // namespace

TEST_CASE("the fast code and the scalar code agree in every bit", "[scaler]") {
  std::mt19937 random(1);
  const int sizes[][4] = {{1920, 1080, 1280, 720}, {1280, 720, 854, 480},  {854, 480, 640, 360},
                          {97, 33, 31, 17},        {16, 16, 8, 8},         {720, 64, 202, 18},
                          {40, 40, 60, 60},        {5, 3, 2, 2},           {333, 77, 333, 77},
                          {1920, 1080, 854, 480},  {1920, 1080, 320, 180}, {64, 64, 62, 62}};
  for (const auto& size : sizes) {
    Plane input(size[0], size[1]);
    for (auto& sample : input.samples)  // Extremes, so that the filter overshoots.
      sample = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : (random() % 2) * 255);
    for (const auto siting : {SampleSiting::kCentre, SampleSiting::kCoSited}) {
      CAPTURE(size[0], size[1], size[2], size[3]);
      CHECK(
          scaled(input, size[2], size[3], PolyphaseScaler::Code::kBestOfMachine, siting).samples ==
          scaled(input, size[2], size[3], PolyphaseScaler::Code::kScalar, siting).samples);
    }
  }
}

TEST_CASE("a flat picture stays flat", "[scaler]") {
  for (const int level : {0, 1, 16, 128, 235, 255}) {
    Plane input(640, 360);
    std::fill(input.samples.begin(), input.samples.end(), static_cast<std::uint8_t>(level));
    const auto output = scaled(input, 426, 240, PolyphaseScaler::Code::kBestOfMachine);
    CHECK(std::all_of(output.samples.begin(), output.samples.end(),
                      [level](int sample) { return sample == level; }));
  }
}

TEST_CASE("a ramp keeps its place: the picture is not shifted", "[scaler]") {
  Plane input(512, 8);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 512; ++x)
      input.samples[static_cast<std::size_t>(y * 512 + x)] = static_cast<std::uint8_t>(x / 2);
  const auto output = scaled(input, 256, 4, PolyphaseScaler::Code::kBestOfMachine);
  // Output sample x lies at input 2 x + 0.5, whose value is x + 0.25 before rounding.
  for (int x = 8; x < 248; ++x)
    CHECK(std::abs(output.samples[static_cast<std::size_t>(x)] - x) <= 1);
}

TEST_CASE("each output's weights add up to one and lie inside the input", "[scaler]") {
  for (const auto siting : {SampleSiting::kCentre, SampleSiting::kCoSited}) {
    for (const int output : {1, 7, 100, 640, 1279}) {
      const AxisFilter filter(1280, output, siting);
      for (int i = 0; i < output; ++i) {
        int sum = 0;
        for (int tap = 0; tap < filter.taps; ++tap)
          sum += filter.weights[static_cast<std::size_t>(i * filter.taps + tap)];
        CHECK(sum == 1 << filter.weight_bits);
        CHECK(filter.first[static_cast<std::size_t>(i)] >= 0);
        CHECK(filter.first[static_cast<std::size_t>(i)] + filter.taps <= 1280);
      }
    }
  }
}

TEST_CASE("a picture is what swscale's bicubic makes of it", "[scaler]") {
  Plane input(1280, 720);
  std::mt19937 random(2);
  for (int y = 0; y < input.height; ++y)
    for (int x = 0; x < input.width; ++x)  // Waves of all lengths, and noise.
      input.samples[static_cast<std::size_t>(y * input.width + x)] = static_cast<std::uint8_t>(
          128 + 90 * std::sin(x * x * 0.001 + y * 0.05) + static_cast<int>(random() % 21) - 10);
  const auto ours = scaled(input, 854, 480, PolyphaseScaler::Code::kBestOfMachine);
  Plane theirs(854, 480);
  SwsContext* const context =
      sws_getContext(input.width, input.height, AV_PIX_FMT_GRAY8, 854, 480, AV_PIX_FMT_GRAY8,
                     SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr, nullptr);
  const std::uint8_t* const from = input.samples.data();
  std::uint8_t* const to = theirs.samples.data();
  sws_scale(context, &from, &input.width, 0, input.height, &to, &theirs.width);
  sws_freeContext(context);
  double squares = 0;
  for (std::size_t i = 0; i < ours.samples.size(); ++i)
    squares += std::pow(ours.samples[i] - theirs.samples[i], 2);
  CHECK(std::sqrt(squares / static_cast<double>(ours.samples.size())) < 0.7);
}
