// AC-3 (ETSI TS 102 366 4.3, 4.4): a header that is part of the frame.
#include <array>
#include <optional>

#include "ingest/ts/framed_audio.h"
#include "media/bit_reader.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

// Up to lfeon.
constexpr std::size_t kHeaderBytes = 8;
constexpr int kSamples = 1536;
// Table 4.13, kb/s by frmsizecod / 2.
constexpr std::array<int, 19> kRates = {32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
                                        192, 224, 256, 320, 384, 448, 512, 576, 640};
constexpr std::array<int, 3> kSampleRates = {48'000, 44'100, 32'000};
// Table 4.3: full channels by acmod.
constexpr std::array<int, 8> kChannels = {2, 1, 2, 3, 3, 4, 4, 5};
constexpr unsigned kLastIdOfAc3 = 10;  // Behind it bsid says E-AC-3.

struct Ac3Header {
  std::size_t frame = 0;
  int sample_rate = 0;
  int channels = 0;
};

std::optional<Ac3Header> read(Span bytes) {
  if (bytes[0] != 0x0B || bytes[1] != 0x77) return std::nullopt;
  BitReader bits(bytes.subspan(4));  // Behind the CRC.
  const unsigned rate = bits.read(2);
  const unsigned size = bits.read(6);
  const unsigned id = bits.read(5);
  bits.skip(3);  // bsmod
  const unsigned mode = bits.read(3);
  if (rate == 3 || size / 2 >= kRates.size() || id > kLastIdOfAc3) return std::nullopt;
  if ((mode & 1) && mode != 1) bits.skip(2);  // cmixlev
  if (mode & 4) bits.skip(2);                 // surmixlev
  if (mode == 2) bits.skip(2);                // dsurmod
  const int kilobits = kRates[size / 2];
  // 4.4.1.4, in words of two bytes.
  const int words = rate == 0   ? kilobits * 2
                    : rate == 1 ? kilobits * 320 / 147 + static_cast<int>(size & 1)
                                : kilobits * 3;
  return Ac3Header{.frame = static_cast<std::size_t>(words) * 2,
                   .sample_rate = kSampleRates[rate],
                   .channels = kChannels[mode] + (bits.read_flag() ? 1 : 0)};
}

class Ac3Frames final : public FramedAudio {
 public:
  Ac3Frames() : FramedAudio(kHeaderBytes) {}

 private:
  bool has_sync(Span bytes) const override { return bytes[0] == 0x0B && bytes[1] == 0x77; }

  bool read_header(Span bytes, Header& header) const override {
    const auto found = read(bytes);
    if (!found) return false;
    header.frame = found->frame;
    return true;
  }

  std::shared_ptr<const TrackInfo> track_of(Span frame) override {
    const auto header = read(frame);
    TrackInfo track;
    track.kind = MediaKind::kAudio;
    track.codec = Codec::kAc3;
    track.audio = {.sample_rate = header->sample_rate,
                   .channels = header->channels,
                   .samples_per_frame = kSamples};
    return keep(std::move(track));
  }
};

}  // namespace

std::unique_ptr<AudioFrames> create_ac3_frames() {
  return std::make_unique<Ac3Frames>();
}

}  // namespace millrace::ingest
