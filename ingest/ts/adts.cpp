// ADTS: a header of 7 bytes, or 9 with a CRC, in front of each raw frame.
#include <array>

#include "ingest/ts/framed_audio.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderBytes = 7;
constexpr std::size_t kCrcBytes = 2;

class AdtsFrames final : public FramedAudio {
 public:
  AdtsFrames() : FramedAudio(kHeaderBytes) {}

 private:
  bool has_sync(Span bytes) const override { return bytes[0] == 0xFF && (bytes[1] & 0xF6) == 0xF0; }

  bool read_header(Span bytes, Header& header) const override {
    if (!has_sync(bytes)) return false;
    const bool has_crc = (bytes[1] & 1) == 0;
    header.stripped = kHeaderBytes + (has_crc ? kCrcBytes : 0);
    header.frame = static_cast<std::size_t>(bytes[3] & 3) << 11 |
                   static_cast<std::size_t>(bytes[4]) << 3 | bytes[5] >> 5;
    return header.frame > header.stripped;
  }

  std::shared_ptr<const TrackInfo> track_of(Span frame) override {
    const bool has_one_block = (frame[6] & 3) == 0;
    if (!has_one_block) return nullptr;
    const unsigned object_type = (frame[2] >> 6) + 1u;
    const unsigned rate_index = frame[2] >> 2 & 0x0F;
    const unsigned channels = (frame[2] & 1u) << 2 | frame[3] >> 6;
    const std::array<std::uint8_t, 2> configuration = {
        static_cast<std::uint8_t>(object_type << 3 | rate_index >> 1),
        static_cast<std::uint8_t>((rate_index & 1) << 7 | channels << 3)};
    return track_of_aac(configuration);
  }
};

}  // namespace

std::unique_ptr<AudioFrames> create_adts_frames() {
  return std::make_unique<AdtsFrames>();
}

}  // namespace millrace::ingest
