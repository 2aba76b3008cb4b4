#include "transcode/frame_scaler.h"

#include <algorithm>

#include "tests/transcode/picture.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

extern "C" {
#include <libavutil/pixdesc.h>
}

using namespace millrace;
using namespace millrace::transcode;

namespace {

/// A picture of one colour, whose samples are `values` plane by plane.
FramePointer flat(AVPixelFormat format, int width, int height, std::array<int, 3> values) {
  FramePointer picture(av_frame_alloc());
  picture->format = format;
  picture->width = width;
  picture->height = height;
  REQUIRE(av_frame_get_buffer(picture.get(), 0) == 0);
  const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(format);
  for (int component = 0; component < 3; ++component) {
    const auto& place = descriptor->comp[component];
    const bool is_chroma = component > 0 && !(descriptor->flags & AV_PIX_FMT_FLAG_RGB);
    const int columns = is_chroma ? AV_CEIL_RSHIFT(width, descriptor->log2_chroma_w) : width;
    const int rows = is_chroma ? AV_CEIL_RSHIFT(height, descriptor->log2_chroma_h) : height;
    for (int y = 0; y < rows; ++y) {
      std::uint8_t* const row =
          picture->data[place.plane] + y * picture->linesize[place.plane] + place.offset;
      for (int x = 0; x < columns; ++x)
        for (int byte = 0; byte < (place.depth > 8 ? 2 : 1); ++byte)
          row[x * place.step + byte] =
              static_cast<std::uint8_t>(values[static_cast<std::size_t>(component)] >> (8 * byte));
    }
  }
  return picture;
}

std::vector<std::uint8_t> samples(const AVFrame& picture, int plane) {
  const int shift = plane > 0 ? 1 : 0;
  std::vector<std::uint8_t> all;
  for (int y = 0; y < picture.height >> shift; ++y) {
    const std::uint8_t* const row = picture.data[plane] + y * picture.linesize[plane];
    all.insert(all.end(), row, row + (picture.width >> shift));
  }
  return all;
}

void check_flat(const FramePointer& picture, std::array<int, 3> values) {
  REQUIRE(picture);
  CHECK(picture->format == AV_PIX_FMT_YUV420P);
  for (int plane = 0; plane < 3; ++plane) {
    CAPTURE(plane);
    const auto all = samples(*picture, plane);
    const auto [least, most] = std::minmax_element(all.begin(), all.end());
    CHECK(std::abs(*least - values[static_cast<std::size_t>(plane)]) <= 1);
    CHECK(std::abs(*most - values[static_cast<std::size_t>(plane)]) <= 1);
  }
}

bool is_same(const AVFrame& a, const AVFrame& b) {
  return samples(a, 0) == samples(b, 0) && samples(a, 1) == samples(b, 1) &&
         samples(a, 2) == samples(b, 2);
}

/// Chroma that rises by 8 a sample, scaled to half: sample 20 of the result.
int chroma_of_half(AVChromaLocation siting, FrameScaler& scaler) {
  auto input = flat(AV_PIX_FMT_YUV420P, 200, 40, {128, 128, 128});
  input->chroma_location = siting;
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 100; ++x)
      input->data[1][y * input->linesize[1] + x] =
          static_cast<std::uint8_t>(std::clamp(8 * (x - 30), 0, 255));
  return scaler.scale(*input)->data[1][20];
}

std::vector<FramePointer> pictures_of(Result<std::vector<FramePointer>> scaled) {
  REQUIRE(scaled.has_value());
  return std::move(scaled).value();
}

}  // namespace

TEST_CASE("a picture of the rung's size and format is shared, not copied", "[frame_scaler]") {
  FrameScaler scaler(160, 90);
  for (const auto format : {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P}) {
    const auto input = flat(format, 160, 90, {80, 90, 100});
    const auto output = scaler.scale(*input);
    REQUIRE(output);
    CHECK(output->data[0] == input->data[0]);
    CHECK(output->data[2] == input->data[2]);
  }
}

TEST_CASE("a picture keeps its colour and its tags in another size", "[frame_scaler]") {
  FrameScaler scaler(160, 90);
  auto input = flat(AV_PIX_FMT_YUV420P, 320, 180, {80, 90, 100});
  input->pts = 77;
  input->color_primaries = AVCOL_PRI_BT2020;
  input->color_trc = AVCOL_TRC_SMPTE2084;
  input->colorspace = AVCOL_SPC_BT2020_NCL;
  input->color_range = AVCOL_RANGE_JPEG;
  const auto output = scaler.scale(*input);
  check_flat(output, {80, 90, 100});
  CHECK(output->width == 160);
  CHECK(output->height == 90);
  CHECK(output->pts == 77);
  CHECK(output->color_primaries == AVCOL_PRI_BT2020);
  CHECK(output->color_trc == AVCOL_TRC_SMPTE2084);
  CHECK(output->colorspace == AVCOL_SPC_BT2020_NCL);
  CHECK(output->color_range == AVCOL_RANGE_JPEG);
}

TEST_CASE("deeper and other formats become 8-bit 4:2:0, in the rung's size too", "[frame_scaler]") {
  for (const int width : {160, 320, 321}) {
    const int height = width == 160 ? 90 : 181;
    CAPTURE(width);
    FrameScaler scaler(160, 90);
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV420P10, width, height, {320, 360, 400})),
               {80, 90, 100});
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV422P, width, height, {80, 90, 100})),
               {80, 90, 100});
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV444P, width, height, {80, 90, 100})),
               {80, 90, 100});
    check_flat(scaler.scale(*flat(AV_PIX_FMT_NV12, width, height, {80, 90, 100})), {80, 90, 100});
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV420P, width, height, {80, 90, 100})),
               {80, 90, 100});
  }
}

TEST_CASE("the range of samples stays what it was", "[frame_scaler]") {
  for (const auto range : {AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG}) {
    FrameScaler scaler(160, 90);
    auto input = flat(AV_PIX_FMT_YUV420P10, 320, 180, {1000, 40, 980});
    input->color_range = range;
    check_flat(scaler.scale(*input), {250, 10, 245});
  }
}

TEST_CASE("RGB becomes BT.709 and says so", "[frame_scaler]") {
  FrameScaler scaler(160, 90);
  auto red = flat(AV_PIX_FMT_GBRP, 320, 180, {255, 0, 0});
  red->colorspace = AVCOL_SPC_RGB;
  red->color_range = AVCOL_RANGE_JPEG;
  const auto output = scaler.scale(*red);
  check_flat(output, {54, 99, 255});  // 0.2126 of 255 and, from 128, -0.1146 and 0.5.
  CHECK(output->colorspace == AVCOL_SPC_BT709);
}

TEST_CASE("chroma is taken where the source has it", "[frame_scaler]") {
  FrameScaler scaler(100, 20);
  // Where chroma lies on every second luma sample, sample 20 is at the source's 40.25; where it
  // lies between two, at 40.5.
  CHECK(chroma_of_half(AVCHROMA_LOC_UNSPECIFIED, scaler) == 82);
  CHECK(chroma_of_half(AVCHROMA_LOC_LEFT, scaler) == 82);
  CHECK(chroma_of_half(AVCHROMA_LOC_CENTER, scaler) == 84);
  CHECK(chroma_of_half(AVCHROMA_LOC_TOP, scaler) == 84);
  CHECK(chroma_of_half(AVCHROMA_LOC_LEFT, scaler) == 82);
}

TEST_CASE("a source may change its size and format from picture to picture", "[frame_scaler]") {
  FrameScaler scaler(80, 44);
  for (int i = 0; i < 2; ++i) {
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV420P, 160, 90, {80, 90, 100})), {80, 90, 100});
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV420P, 90, 160, {60, 70, 80})), {60, 70, 80});
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV420P10, 90, 160, {240, 280, 320})), {60, 70, 80});
    check_flat(scaler.scale(*flat(AV_PIX_FMT_YUV420P, 80, 44, {81, 91, 101})), {81, 91, 101});
  }
}

TEST_CASE("pictures are their own, and outlive the scaler", "[frame_scaler]") {
  FramePointer first, second;
  {
    FrameScaler scaler(80, 44);
    first = scaler.scale(*flat(AV_PIX_FMT_YUV420P, 160, 90, {80, 90, 100}));
    second = scaler.scale(*flat(AV_PIX_FMT_YUV420P, 160, 90, {180, 190, 200}));
  }
  check_flat(first, {80, 90, 100});
  check_flat(second, {180, 190, 200});
}

TEST_CASE("what cannot be converted makes no picture, and what comes behind it does",
          "[frame_scaler]") {
  FramePointer unknown(av_frame_alloc());
  unknown->format = AV_PIX_FMT_VAAPI;
  unknown->width = 320;
  unknown->height = 180;
  FrameCascade cascade({{"large", 160, 90, 0}, {"small", 80, 44, 0}});
  for (int i = 0; i < 2; ++i) {
    const auto none = pictures_of(cascade.scale(*unknown, {true, true}));
    REQUIRE(none.size() == 2);
    CHECK_FALSE(none[0]);
    CHECK_FALSE(none[1]);
  }
  const auto some = pictures_of(cascade.scale(*test::make_picture(320, 180, 0), {true, true}));
  CHECK(some[0]);
  CHECK(some[1]);
}

TEST_CASE("each rung of a cascade is scaled from the next larger one", "[frame_scaler]") {
  const auto source = test::make_picture(320, 180, 3);
  FrameCascade cascade({{"same", 320, 180, 0}, {"large", 214, 120, 0}, {"small", 108, 60, 0}});
  const auto pictures = pictures_of(cascade.scale(*source, {true, true, true}));
  REQUIRE(pictures.size() == 3);
  CHECK(pictures[0]->data[0] == source->data[0]);
  FrameScaler large(214, 120), small(108, 60);
  CHECK(is_same(*pictures[1], *large.scale(*source)));
  CHECK(is_same(*pictures[2], *small.scale(*pictures[1])));
  CHECK_FALSE(is_same(*pictures[2], *small.scale(*source)));

  // A rung's pictures are the same whichever others are wanted.
  const auto last = pictures_of(cascade.scale(*source, {false, false, true}));
  CHECK(is_same(*last[2], *pictures[2]));
  const auto first = pictures_of(cascade.scale(*source, {true, false, false}));
  CHECK(first[0]);
  CHECK_FALSE(first[1]);
  CHECK_FALSE(first[2]);
}

TEST_CASE("high dynamic range is tone-mapped once, and goes down the cascade as BT.709",
          "[frame_scaler]") {
  const Colour pq{.primaries = 9, .transfer = 16, .matrix = 9};
  const auto source = flat(AV_PIX_FMT_YUV420P10, 320, 180, {573, 512, 512});  // 203 cd/m².
  FrameCascade cascade({{"large", 160, 90, 0}, {"small", 80, 44, 0}});
  for (const auto& picture : pictures_of(cascade.scale(*source, {true, true}, pq))) {
    check_flat(picture, {214, 128, 128});  // BT.2390's curve from 1000 to 203 cd/m².
    CHECK(picture->color_trc == AVCOL_TRC_BT709);
  }
  const auto last = pictures_of(cascade.scale(*source, {false, true}, pq));
  check_flat(last[1], {214, 128, 128});
  // The same samples in standard range lose depth alone.
  check_flat(pictures_of(cascade.scale(*source, {true, true}))[1], {143, 128, 128});
}

TEST_CASE("a rung that keeps high dynamic range has ten bits beside others that do not",
          "[frame_scaler]") {
  const Colour hlg{.primaries = 9, .transfer = 18, .matrix = 9};
  auto source = flat(AV_PIX_FMT_YUV420P10, 320, 180, {721, 400, 600});
  source->color_trc = AVCOL_TRC_ARIB_STD_B67;
  const auto keeping = [](const char* name, int width, int height) {
    return Rung{.name = name,
                .width = width,
                .height = height,
                .bits_per_second = 1,
                .codec = Codec::kHevc,
                .hdr = HdrMode::kKeep};
  };
  FrameCascade cascade({keeping("same", 320, 180),
                        {"large", 160, 90, 0},
                        keeping("half", 160, 90),
                        {"small", 80, 44, 0}});
  const auto pictures = pictures_of(cascade.scale(*source, {true, true, true, true}, hlg));
  REQUIRE(pictures.size() == 4);
  CHECK(pictures[0]->data[0] == source->data[0]);
  REQUIRE(pictures[2]);
  CHECK(pictures[2]->format == AV_PIX_FMT_YUV420P10);
  CHECK(pictures[2]->color_trc == AVCOL_TRC_ARIB_STD_B67);
  CHECK(std::abs(reinterpret_cast<const std::uint16_t*>(pictures[2]->data[0])[80] - 721) <= 1);
  CHECK(std::abs(reinterpret_cast<const std::uint16_t*>(pictures[2]->data[1])[40] - 400) <= 1);
  CHECK(pictures[1]->format == AV_PIX_FMT_YUV420P);
  CHECK(pictures[1]->color_trc == AVCOL_TRC_BT709);
  CHECK(pictures[3]->format == AV_PIX_FMT_YUV420P);

  const auto some = pictures_of(cascade.scale(*source, {false, false, true, false}, hlg));
  CHECK(some[2]);
  CHECK_FALSE(some[1]);
  CHECK_FALSE(some[3]);
}

TEST_CASE("of standard range every rung has eight bits, whatever it would keep", "[frame_scaler]") {
  const auto source = flat(AV_PIX_FMT_YUV420P10, 320, 180, {320, 360, 400});
  FrameCascade cascade({{.name = "kept",
                         .width = 160,
                         .height = 90,
                         .bits_per_second = 1,
                         .codec = Codec::kHevc,
                         .hdr = HdrMode::kKeep},
                        {"small", 80, 44, 0}});
  for (const Colour& colour : {Colour{}, Colour{1, 1, 1, false}, Colour{9, 14, 9, false}})
    for (const auto& picture : pictures_of(cascade.scale(*source, {true, true}, colour)))
      check_flat(picture, {80, 90, 100});
}
