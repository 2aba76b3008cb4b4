#include "packager/cmaf_reader.h"

#include "packager/fmp4_writer.h"
#include "tests/support/video_source.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::packager;

namespace {

Sample sample(std::string_view payload, bool is_key_frame, std::uint32_t duration,
              std::int32_t offset) {
  return {.payload = Bytes::copy_of(payload),
          .size = static_cast<std::uint32_t>(payload.size()),
          .duration = duration,
          .composition_offset = offset,
          .is_key_frame = is_key_frame};
}

Bytes chunk(std::int64_t decode_time) {
  const Sample samples[] = {sample("key", true, 3000, 0), sample("second", false, 3600, 6000),
                            sample("x", false, 3000, -3000)};
  return write_chunk(*test::h264_track({30, 1}), {.sequence_number = 1, .decode_time = decode_time},
                     samples);
}

Bytes joined(const Bytes& a, const Bytes& b) {
  return Bytes::copy_of(std::string(a.text()) + std::string(b.text()));
}

/// With that 32-bit number at the first place behind `name`, and so many bytes further on.
Bytes with(const Bytes& bytes, std::string_view name, std::size_t further, std::uint32_t number) {
  std::string text(bytes.text());
  const auto at = text.find(name) + name.size() + further;
  for (std::size_t i = 0; i < 4; ++i) text.at(at + i) = static_cast<char>(number >> (24 - 8 * i));
  return Bytes::copy_of(text);
}

bool is_refused(const Bytes& chunks) {
  std::vector<CmafSample> samples;
  const auto read = read_chunks(chunks, samples);
  return !read.has_value() && read.error().code == ErrorCode::kInvalidData;
}

}  // namespace

TEST_CASE("what a track is comes out of its init segment", "[cmaf]") {
  const auto video = test::h264_track({30000, 1001});
  const auto pictures = read_init_segment(write_init_segment(*video));
  REQUIRE(pictures.has_value());
  CHECK(pictures.value().codec == Codec::kH264);
  CHECK(pictures.value().timescale == timescale_of(*video));
  CHECK(pictures.value().configuration == video->codec_configuration);
  const auto audio = test::aac_track(44100);
  const auto sound = read_init_segment(write_init_segment(*audio));
  REQUIRE(sound.has_value());
  CHECK(sound.value().codec == Codec::kAac);
  CHECK(sound.value().timescale == 44100);
  CHECK(sound.value().configuration == audio->codec_configuration);
}

TEST_CASE("every codec that is written is known", "[cmaf]") {
  for (const Codec codec : {Codec::kHevc, Codec::kAv1, Codec::kOpus}) {
    TrackInfo track = codec == Codec::kOpus ? *test::aac_track() : *test::h264_track({30, 1});
    track.codec = codec;
    const auto read = read_init_segment(write_init_segment(track));
    REQUIRE(read.has_value());
    CHECK(read.value().codec == codec);
    CHECK(read.value().configuration == track.codec_configuration);
  }
}

TEST_CASE("samples come out of a chunk, and of chunks that are joined", "[cmaf]") {
  std::vector<CmafSample> samples;
  REQUIRE(read_chunks(joined(chunk(900'000), chunk(909'600)), samples).has_value());
  REQUIRE(samples.size() == 6);
  CHECK(samples[1].payload.text() == "second");
  CHECK(samples[1].decode_time == 903'000);
  CHECK(samples[1].composition_offset == 6000);
  CHECK(samples[1].duration == 3600);
  CHECK_FALSE(samples[1].is_key_frame);
  CHECK(samples[2].composition_offset == -3000);
  CHECK(samples[3].payload.text() == "key");
  CHECK(samples[3].decode_time == 909'600);
  CHECK(samples[3].is_key_frame);
}

TEST_CASE("no beginning of a chunk or of an init segment is taken for one", "[cmaf]") {
  const Bytes whole = chunk(900'000);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(is_refused(Bytes::copy_of(whole.span().first(size))));
  }
  const Bytes init = write_init_segment(*test::aac_track());
  const auto entry = init.text().find("mp4a");
  for (std::size_t size = 0; size < entry; ++size)
    CHECK_FALSE(read_init_segment(Bytes::copy_of(init.span().first(size))).has_value());
}

TEST_CASE("a chunk that lies about its samples is refused", "[cmaf]") {
  const Bytes good = chunk(900'000);
  CHECK_FALSE(is_refused(good));
  constexpr std::uint32_t kMost = 0xFFFFFFFF;
  CHECK(is_refused(with(good, "trun", 4, kMost)));   // sample_count
  CHECK(is_refused(with(good, "trun", 4, 2)));       // one of them less
  CHECK(is_refused(with(good, "trun", 8, kMost)));   // data_offset
  CHECK(is_refused(with(good, "trun", 8, 0)));       // samples in the header
  CHECK(is_refused(with(good, "trun", 20, kMost)));  // a sample's size
  CHECK(is_refused(with(good, "trun", 0, 0x01000FFF)));
  CHECK(is_refused(with(good, "tfhd", 0, 0)));
  CHECK(is_refused(with(good, "tfdt", 0, 0)));
  CHECK(is_refused(with(good, "tfdt", 4, kMost)));  // a decode time
  CHECK(is_refused(with(good, "moof", 0, 7)));      // mfhd's size
  CHECK(is_refused(Bytes::copy_of(std::string_view("\0\0\0\0moof", 8))));
}

TEST_CASE("an init segment that lies is refused", "[cmaf]") {
  const Bytes good = write_init_segment(*test::aac_track());
  CHECK_FALSE(read_init_segment(with(good, "mdhd", 12, 0)).has_value());
  CHECK_FALSE(read_init_segment(with(good, "mdhd", 12, 0xFFFFFFFF)).has_value());
  CHECK_FALSE(read_init_segment(with(good, "stsd", 4, 2)).has_value());
  CHECK_FALSE(read_init_segment(with(good, "stsd", 8, 0xFFFFFF)).has_value());
  CHECK_FALSE(read_init_segment(with(good, "esds", 4, 0x03FFFFFF)).has_value());
}
