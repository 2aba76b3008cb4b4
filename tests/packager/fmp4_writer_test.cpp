#include "packager/fmp4_writer.h"

#include <catch2/catch.hpp>

#include "tests/packager/box_text.h"
#include "tests/support/video_source.h"

using namespace millrace;
using namespace millrace::packager;
using millrace::test::big_endian_at;
using millrace::test::box_text;
using millrace::test::find_box;

namespace {

Sample sample(std::string_view payload, bool is_key_frame, std::uint32_t duration = 3000,
              std::int32_t offset = 0) {
  Sample made;
  made.payload = Bytes::copy_of(payload);
  made.size = static_cast<std::uint32_t>(payload.size());
  made.duration = duration;
  made.composition_offset = offset;
  made.is_key_frame = is_key_frame;
  return made;
}

}  // namespace

TEST_CASE("a chunk is a moof and its mdat, and nothing else", "[fmp4]") {
  const auto track = test::h264_track({30, 1});
  const Sample samples[] = {sample("key", true), sample("other", false)};
  const Bytes chunk = write_chunk(*track, 7, 0x123456789a, samples);
  CHECK(box_text(chunk.span()) ==
        "moof\n"
        "  mfhd\n"
        "  traf\n"
        "    tfhd\n"
        "    tfdt\n"
        "    trun\n"
        "mdat\n");
  const auto tfdt = find_box(chunk.span(), "moof/traf/tfdt");
  CHECK(big_endian_at(chunk.span(), tfdt + 4) == 0x12);
  CHECK(big_endian_at(chunk.span(), tfdt + 8) == 0x3456789a);
  CHECK(big_endian_at(chunk.span(), find_box(chunk.span(), "moof/mfhd") + 4) == 7);
}

TEST_CASE("the data offset points at the first sample's first byte", "[fmp4]") {
  const auto track = test::h264_track({30, 1});
  const Sample samples[] = {sample("key", true, 3000, 6000), sample("other", false, 3001, -3000)};
  const Bytes chunk = write_chunk(*track, 1, 0, samples);
  const auto trun = find_box(chunk.span(), "moof/traf/trun");
  const std::uint32_t offset = big_endian_at(chunk.span(), trun + 8);
  CHECK(chunk.slice(offset).text() == "keyother");
  // duration, size, flags and signed offset of each.
  CHECK(big_endian_at(chunk.span(), trun) == 0x01000f01);
  CHECK(big_endian_at(chunk.span(), trun + 12) == 3000);
  CHECK(big_endian_at(chunk.span(), trun + 16) == 3);
  CHECK(big_endian_at(chunk.span(), trun + 20) == 0x02000000);
  CHECK(big_endian_at(chunk.span(), trun + 24) == 6000);
  CHECK(big_endian_at(chunk.span(), trun + 36) == 0x01010000);
  CHECK(static_cast<std::int32_t>(big_endian_at(chunk.span(), trun + 40)) == -3000);
}

TEST_CASE("only the kept pieces of a payload are written", "[fmp4]") {
  const auto track = test::h264_track({30, 1});
  Sample cut = sample("abcdefgh", true);
  cut.pieces = {cut.payload.span().subspan(0, 2), cut.payload.span().subspan(5, 3)};
  cut.size = 5;
  const Bytes chunk = write_chunk(*track, 1, 0, std::span(&cut, 1));
  CHECK(chunk.slice(chunk.size() - 5).text() == "abfgh");
}

TEST_CASE("a header holds one track and no samples", "[fmp4]") {
  const auto video = write_init_segment(*test::h264_track({30, 1}));
  CHECK(box_text(video.span()) ==
        "ftyp\n"
        "moov\n"
        "  mvhd\n"
        "  trak\n"
        "    tkhd\n"
        "    mdia\n"
        "      mdhd\n"
        "      hdlr\n"
        "      minf\n"
        "        vmhd\n"
        "        dinf\n"
        "          dref\n"
        "        stbl\n"
        "          stsd\n"
        "          stts\n"
        "          stsc\n"
        "          stco\n"
        "          stsz\n"
        "  mvex\n"
        "    trex\n");
  const auto audio = write_init_segment(*test::aac_track());
  CHECK(box_text(audio.span()).find("smhd") != std::string::npos);
  CHECK(audio.text().find("mp4a") != std::string_view::npos);
  CHECK(audio.text().find("iso6cmfc") != std::string_view::npos);
}

TEST_CASE("the timescale holds every frame's time exactly", "[fmp4]") {
  CHECK(timescale_of(*test::h264_track({30, 1})) == 90000);
  CHECK(timescale_of(*test::h264_track({30000, 1001})) == 90000);
  CHECK(timescale_of(*test::h264_track({24000, 1001})) == 24000);
  CHECK(timescale_of(*test::h264_track({60000, 1001})) == 60000);
  CHECK(timescale_of(*test::h264_track({0, 1})) == 90000);
  CHECK(timescale_of(*test::aac_track(44100)) == 44100);
}
