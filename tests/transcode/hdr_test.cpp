#include "transcode/hdr.h"

#include <utility>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

extern "C" {
#include <libavutil/mastering_display_metadata.h>
}

using namespace millrace;
using namespace millrace::transcode;

namespace {

constexpr Colour kPq{.primaries = 9, .transfer = 16, .matrix = 9};
constexpr Colour kHlg{.primaries = 9, .transfer = 18, .matrix = 9};
constexpr Colour kBt709{.primaries = 1, .transfer = 1, .matrix = 1};

Rung rung(Codec codec, HdrMode hdr) {
  return {.name = "r", .width = 2, .height = 2, .bits_per_second = 1, .codec = codec, .hdr = hdr};
}

AVMasteringDisplayMetadata& add_display(AVFrame& picture, int highest) {
  auto& display = *av_mastering_display_metadata_create_side_data(&picture);
  const int primaries[3][2] = {{34000, 16000}, {13250, 34500}, {7500, 3000}};
  for (int i = 0; i < 3; ++i)
    for (int axis = 0; axis < 2; ++axis)
      display.display_primaries[i][axis] = {primaries[i][axis], 50'000};
  display.white_point[0] = {15635, 50'000};
  display.white_point[1] = {16450, 50'000};
  display.max_luminance = {highest, 1};
  display.min_luminance = {1, 10'000};
  display.has_primaries = display.has_luminance = 1;
  return display;
}

void add_light(AVFrame& picture, unsigned highest, unsigned average) {
  auto& light = *av_content_light_metadata_create_side_data(&picture);
  light.MaxCLL = highest;
  light.MaxFALL = average;
}

double peak(const Colour& colour, int display, unsigned light) {
  const FramePointer picture(av_frame_alloc());
  if (display > 0) add_display(*picture, display);
  add_light(*picture, light, 0);
  return peak_luminance(colour, hdr_metadata_of(*picture));
}

}  // namespace

TEST_CASE("a rung becomes BT.709 of PQ and HLG unless it keeps them", "[hdr]") {
  for (const Colour& colour : {kPq, kHlg}) {
    CHECK(colour_of_rung(rung(Codec::kHevc, HdrMode::kToneMap), colour) == kBt709);
    CHECK(colour_of_rung(rung(Codec::kHevc, HdrMode::kKeep), colour) == colour);
    CHECK(keeps_hdr(rung(Codec::kAv1, HdrMode::kKeep), colour));
    CHECK_FALSE(keeps_hdr(rung(Codec::kAv1, HdrMode::kToneMap), colour));
  }
}

TEST_CASE("of other sources a rung has the colour in any case", "[hdr]") {
  for (const Colour& colour : {kBt709, Colour{}, Colour{9, 14, 9, true}, Colour{5, 6, 5, false}})
    for (const HdrMode mode : {HdrMode::kToneMap, HdrMode::kKeep}) {
      CHECK(colour_of_rung(rung(Codec::kHevc, mode), colour) == colour);
      CHECK_FALSE(keeps_hdr(rung(Codec::kHevc, mode), colour));
    }
}

TEST_CASE("what pictures say of their display is read in HEVC's units", "[hdr]") {
  const FramePointer picture(av_frame_alloc());
  CHECK(hdr_metadata_of(*picture) == HdrMetadata{});
  add_display(*picture, 1000);
  add_light(*picture, 800, 200);
  const HdrMetadata expected{
      .display = HdrMetadata::Display{.primaries = {{{34000, 16000}, {13250, 34500}, {7500, 3000}}},
                                      .white = {15635, 16450},
                                      .highest = 10'000'000,
                                      .lowest = 1},
      .light = HdrMetadata::Light{800, 200}};
  CHECK(hdr_metadata_of(*picture) == expected);
}

TEST_CASE("absurd metadata is left out", "[hdr]") {
  const FramePointer picture(av_frame_alloc());
  auto& display = add_display(*picture, 1000);
  const auto is_absurd_with = [&](AVRational& field, AVRational value) {
    const AVRational before = std::exchange(field, value);
    const bool is_absurd = !hdr_metadata_of(*picture).display;
    field = before;
    return is_absurd;
  };
  CHECK(is_absurd_with(display.max_luminance, {0, 1}));
  CHECK(is_absurd_with(display.max_luminance, {1000, 0}));
  CHECK(is_absurd_with(display.max_luminance, {-5, 1}));
  CHECK(is_absurd_with(display.max_luminance, {10'001, 1}));
  CHECK(is_absurd_with(display.min_luminance, {1000, 1}));
  CHECK(is_absurd_with(display.display_primaries[1][0], {3, 2}));
  CHECK(is_absurd_with(display.white_point[1], {1, -50'000}));
  CHECK_FALSE(is_absurd_with(display.max_luminance, {4000, 1}));
  add_light(*picture, 0, 0);
  CHECK_FALSE(hdr_metadata_of(*picture).light);
}

TEST_CASE("the brightest is what the pictures say of PQ, else 1000 cd/m²", "[hdr]") {
  CHECK(peak(kPq, 0, 0) == 1000);
  CHECK(peak(kPq, 4000, 0) == 4000);
  CHECK(peak(kPq, 4000, 1500) == 1500);
  CHECK(peak(kPq, 600, 1500) == 600);
  CHECK(peak(kPq, 0, 1500) == 1500);
  CHECK(peak(kPq, 0, 60'000) == 10'000);
  CHECK(peak(kHlg, 4000, 1500) == 1000);
}
