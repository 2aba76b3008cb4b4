// MPEG audio of layers II and III (ISO/IEC 11172-3 2.4.1, 13818-3): a header of 4 bytes, which is
// part of the frame.
#include <array>
#include <optional>

#include "ingest/ts/framed_audio.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderBytes = 4;

struct MpegHeader {
  int layer = 2;
  bool is_mpeg1 = true;
  int bits_per_second = 0;
  int sample_rate = 0;
  int channels = 2;
  bool is_padded = false;
};

// 2.4.2.3, kb/s by bitrate_index from 1 on.
constexpr std::array<int, 14> kLayer2 = {32,  48,  56,  64,  80,  96,  112,
                                         128, 160, 192, 224, 256, 320, 384};
constexpr std::array<int, 14> kLayer3 = {32,  40,  48,  56,  64,  80,  96,
                                         112, 128, 160, 192, 224, 256, 320};
constexpr std::array<int, 14> kLowRates = {8,  16, 24, 32,  40,  48,  56,
                                           64, 80, 96, 112, 128, 144, 160};
constexpr std::array<int, 3> kSampleRates = {44'100, 48'000, 32'000};

std::optional<MpegHeader> read(Span bytes) {
  if (bytes[0] != 0xFF || (bytes[1] & 0xE0) != 0xE0) return std::nullopt;
  const unsigned version = bytes[1] >> 3 & 3u;  // 0: 2.5, 2: MPEG-2, 3: MPEG-1.
  const unsigned layer = bytes[1] >> 1 & 3u;    // 1: III, 2: II, 3: I.
  const unsigned rate_index = bytes[2] >> 4;
  const unsigned sample_rate_index = bytes[2] >> 2 & 3u;
  if (version == 1 || layer == 0 || layer == 3) return std::nullopt;
  if (rate_index == 0 || rate_index == 15 || sample_rate_index == 3) return std::nullopt;
  MpegHeader header;
  header.layer = layer == 2 ? 2 : 3;
  header.is_mpeg1 = version == 3;
  const auto& rates = !header.is_mpeg1 ? kLowRates : header.layer == 2 ? kLayer2 : kLayer3;
  header.bits_per_second = rates[rate_index - 1] * 1000;
  const int divisor = version == 3 ? 1 : version == 2 ? 2 : 4;
  header.sample_rate = kSampleRates[sample_rate_index] / divisor;
  header.is_padded = bytes[2] & 2;
  header.channels = bytes[3] >> 6 == 3 ? 1 : 2;
  return header;
}

int samples_of(const MpegHeader& header) {
  return header.layer == 3 && !header.is_mpeg1 ? 576 : 1152;
}

class MpegFrames final : public FramedAudio {
 public:
  MpegFrames() : FramedAudio(kHeaderBytes) {}

 private:
  bool has_sync(Span bytes) const override { return bytes[0] == 0xFF && (bytes[1] & 0xE0) == 0xE0; }

  bool read_header(Span bytes, Header& header) const override {
    const auto found = read(bytes);
    if (!found) return false;
    header.frame = static_cast<std::size_t>(samples_of(*found) / 8 * found->bits_per_second /
                                            found->sample_rate) +
                   (found->is_padded ? 1 : 0);
    return header.frame > kHeaderBytes;
  }

  std::shared_ptr<const TrackInfo> track_of(Span frame) override {
    const auto header = read(frame);
    TrackInfo track;
    track.kind = MediaKind::kAudio;
    track.codec = header->layer == 2 ? Codec::kMp2 : Codec::kMp3;
    track.audio = {.sample_rate = header->sample_rate,
                   .channels = header->channels,
                   .samples_per_frame = samples_of(*header)};
    return keep(std::move(track));
  }
};

}  // namespace

std::unique_ptr<AudioFrames> create_mpeg_audio_frames() {
  return std::make_unique<MpegFrames>();
}

}  // namespace millrace::ingest
