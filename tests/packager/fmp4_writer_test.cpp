#include "packager/fmp4_writer.h"

#include "media/opus.h"
#include "tests/packager/box_text.h"
#include "tests/support/video_source.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
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

TEST_CASE("a chunk is its producer's time, a moof and its mdat", "[fmp4]") {
  const auto track = test::h264_track({30, 1});
  const Sample samples[] = {sample("key", true), sample("other", false)};
  const Bytes chunk = write_chunk(
      *track, {.sequence_number = 7, .decode_time = 0x123456789a, .wall_time = 1'750'000'000'500ms},
      samples);
  CHECK(box_text(chunk.span()) ==
        "prft\n"
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
  const auto prft = find_box(chunk.span(), "prft");
  CHECK(big_endian_at(chunk.span(), prft + 8) == 1'750'000'000u + 2'208'988'800u);  // NTP
  CHECK(big_endian_at(chunk.span(), prft + 12) == 0x80000000);
  CHECK(big_endian_at(chunk.span(), prft + 20) == 0x3456789a);
}

TEST_CASE("the data offset points at the first sample's first byte", "[fmp4]") {
  const auto track = test::h264_track({30, 1});
  const Sample samples[] = {sample("key", true, 3000, 6000), sample("other", false, 3001, -3000)};
  const Bytes chunk = write_chunk(*track, {.sequence_number = 1}, samples);
  const auto trun = find_box(chunk.span(), "moof/traf/trun");
  const auto moof = find_box(chunk.span(), "moof") - 8;
  CHECK(chunk.slice(moof + big_endian_at(chunk.span(), trun + 8)).text() == "keyother");
  // First flags; duration, size and signed offset of each.
  CHECK(big_endian_at(chunk.span(), trun) == 0x01000b05);
  CHECK(big_endian_at(chunk.span(), trun + 12) == 0x02000000);
  CHECK(big_endian_at(chunk.span(), trun + 16) == 3000);
  CHECK(big_endian_at(chunk.span(), trun + 20) == 3);
  CHECK(big_endian_at(chunk.span(), trun + 24) == 6000);
  CHECK(big_endian_at(chunk.span(), trun + 28) == 3001);
  CHECK(static_cast<std::int32_t>(big_endian_at(chunk.span(), trun + 36)) == -3000);
}

TEST_CASE("flags stand once where the samples agree, one by one where they do not", "[fmp4]") {
  const auto track = test::h264_track({30, 1});
  const auto flags_of = [&](std::initializer_list<bool> keys) {
    std::vector<Sample> samples;
    for (const bool is_key_frame : keys) samples.push_back(sample("x", is_key_frame));
    const Bytes chunk = write_chunk(*track, {.sequence_number = 1}, samples);
    return std::pair(big_endian_at(chunk.span(), find_box(chunk.span(), "moof/traf/tfhd")),
                     big_endian_at(chunk.span(), find_box(chunk.span(), "moof/traf/trun")));
  };
  using Flags = std::pair<std::uint32_t, std::uint32_t>;
  CHECK(flags_of({false, false}) == Flags{0x020028, 0x01000201});
  CHECK(flags_of({true, false, false}) == Flags{0x020028, 0x01000205});
  CHECK(flags_of({false, true, false}) == Flags{0x020008, 0x01000601});
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

TEST_CASE("Opus has an entry of its own with its parameters in it", "[fmp4]") {
  const TrackInfo track = opus_track(2, 312).value();
  const Bytes init = write_init_segment(track);
  const std::string text(init.text());
  CHECK(text.find("mp4a") == std::string::npos);
  const auto entry = text.find("Opus");
  REQUIRE(entry != std::string::npos);
  const std::string parameters = "dOps" + std::string(track.codec_configuration.text());
  CHECK(text.find(parameters) == entry + 4 + 28 + 4);  // Behind AudioSampleEntry and a size.
  CHECK(timescale_of(track) == 48'000);
}

TEST_CASE("the timescale holds every frame's time exactly", "[fmp4]") {
  CHECK(timescale_of(*test::h264_track({30, 1})) == 90000);
  CHECK(timescale_of(*test::h264_track({30000, 1001})) == 90000);
  CHECK(timescale_of(*test::h264_track({24000, 1001})) == 24000);
  CHECK(timescale_of(*test::h264_track({60000, 1001})) == 60000);
  CHECK(timescale_of(*test::h264_track({0, 1})) == 90000);
  CHECK(timescale_of(*test::h264_track({7, 1})) == 24003);
  CHECK(timescale_of(*test::h264_track({2'000'003, 90'000})) == 90000);
  CHECK(timescale_of(*test::aac_track(44100)) == 44100);
}
