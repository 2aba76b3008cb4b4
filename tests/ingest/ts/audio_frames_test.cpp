#include "ingest/ts/audio_frames.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::ingest;

namespace {

using ByteVector = std::vector<std::uint8_t>;

/// ADTS of AAC-LC, 48 kHz, stereo.
ByteVector adts(const ByteVector& frame, bool has_crc = false) {
  const std::size_t size = frame.size() + (has_crc ? 9 : 7);
  ByteVector bytes{0xFF,
                   static_cast<std::uint8_t>(has_crc ? 0xF0 : 0xF1),
                   0x4C,
                   static_cast<std::uint8_t>(0x80 | size >> 11),
                   static_cast<std::uint8_t>(size >> 3),
                   static_cast<std::uint8_t>((size & 7) << 5 | 0x1F),
                   0xFC};
  if (has_crc) bytes.resize(9, 0xCC);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return bytes;
}

void append(ByteVector& to, const ByteVector& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

struct Taken {
  std::vector<ByteVector> frames;
  std::vector<bool> starts_here;
  std::shared_ptr<const TrackInfo> track;

  AudioFrames::Take take() {
    return [this](const auto& of, std::span<const std::uint8_t> frame, bool starts) {
      frames.emplace_back(frame.begin(), frame.end());
      starts_here.push_back(starts);
      track = of;
      return ok();
    };
  }
};

}  // namespace

TEST_CASE("ADTS frames come out without headers, wherever packets are cut", "[ts]") {
  ByteVector bytes = adts({1, 2, 3});
  append(bytes, adts({4, 5}, true));
  append(bytes, adts({6}));
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto frames = create_adts_frames();
    Taken taken;
    CHECK(frames->push(std::span(bytes).first(cut), taken.take()).has_value());
    CHECK(frames->push(std::span(bytes).subspan(cut), taken.take()).has_value());
    CHECK(taken.frames == std::vector<ByteVector>{{1, 2, 3}, {4, 5}, {6}});
    CHECK(frames->dropped() == 0);
    CHECK(taken.track->audio.sample_rate == 48'000);
    CHECK(taken.track->audio.channels == 2);
    CHECK(taken.track->codec_configuration == Bytes::copy_of(ByteVector{0x11, 0x90}));
  }
}

TEST_CASE("an ADTS frame that began in the packet before is told apart", "[ts]") {
  ByteVector bytes = adts({1, 2, 3});
  append(bytes, adts({4}));
  const auto frames = create_adts_frames();
  Taken taken;
  CHECK(frames->push(std::span(bytes).first(4), taken.take()).has_value());
  CHECK(frames->push(std::span(bytes).subspan(4), taken.take()).has_value());
  CHECK(taken.starts_here == std::vector<bool>{false, true});
}

TEST_CASE("damaged ADTS is counted, and the next header found", "[ts]") {
  ByteVector bytes{0xFF, 0x00, 7, 7};
  append(bytes, adts({1}));
  auto several_blocks = adts({2});
  several_blocks[6] |= 1;
  append(bytes, several_blocks);
  append(bytes, adts({3}));
  const auto frames = create_adts_frames();
  Taken taken;
  CHECK(frames->push(bytes, taken.take()).has_value());
  CHECK(taken.frames == std::vector<ByteVector>{{1}, {3}});
  CHECK(frames->dropped() == 2);
}

TEST_CASE("behind damage a header counts only with another behind its frame", "[ts]") {
  ByteVector bytes{7, 7};
  ByteVector accident = adts({1, 2});
  accident[2] = 0x50;  // Of another rate.
  accident.resize(8);
  append(bytes, accident);
  append(bytes, adts({3, 4}));
  append(bytes, adts({5}));
  const auto frames = create_adts_frames();
  Taken taken;
  CHECK(frames->push(bytes, taken.take()).has_value());
  CHECK(taken.frames == std::vector<ByteVector>{{3, 4}, {5}});
  CHECK(frames->dropped() == 1);
}

TEST_CASE("LATM that is no stream of one layer of AAC is dropped and counted", "[ts]") {
  const auto frames = create_latm_frames();
  Taken taken;
  // useSameStreamMux before any configuration, then audioMuxVersionA, then garbage.
  CHECK(frames->push(ByteVector{0x56, 0xE0, 2, 0x80, 0}, taken.take()).has_value());
  CHECK(frames->push(ByteVector{0x56, 0xE0, 2, 0x60, 0}, taken.take()).has_value());
  CHECK(frames->push(ByteVector{1, 2, 3, 4, 5, 6}, taken.take()).has_value());
  CHECK(taken.frames.empty());
  CHECK(frames->dropped() == 3);
}
