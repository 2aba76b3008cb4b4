#include "packager/box_writer.h"
#include "packager/fmp4_writer.h"

#include <catch2/catch.hpp>

#include "tests/packager/box_text.h"
#include "tests/support/video_source.h"

using namespace millrace;
using millrace::packager::write_init_segment;
using millrace::test::big_endian_at;
using millrace::test::find_box;

TEST_CASE("a header says the size at which the picture is shown", "[fmp4]") {
  TrackInfo track = *test::h264_track({25, 1});
  track.video.width = 720;
  track.video.height = 576;
  track.video.sample_aspect_ratio = {16, 11};
  const Bytes header = write_init_segment(track);
  const auto tkhd = find_box(header.span(), "moov/trak/tkhd");
  CHECK(big_endian_at(header.span(), tkhd + 76) >> 16 == 1047);
  CHECK(big_endian_at(header.span(), tkhd + 80) >> 16 == 576);
}

TEST_CASE("a live header has no duration and colours only where they are known", "[fmp4]") {
  TrackInfo track = *test::h264_track({30, 1});
  const Bytes known = write_init_segment(track);
  CHECK(big_endian_at(known.span(), find_box(known.span(), "moov/mvhd") + 16) == 0);
  CHECK(known.text().find("nclx") != std::string_view::npos);
  track.video.colour = {};
  CHECK(write_init_segment(track).text().find("nclx") == std::string_view::npos);
}

TEST_CASE("an AudioSpecificConfig stands in its descriptors", "[fmp4]") {
  const auto track = test::aac_track();
  const Bytes header = write_init_segment(*track);
  CHECK(header.text().find(std::string("\x05\x80\x80\x80\x02") +
                           std::string(track->codec_configuration.text())) !=
        std::string_view::npos);
}
