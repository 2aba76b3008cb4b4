// ADTS: a header of 7 bytes, or 9 with a CRC, in front of each raw frame.
#include <array>
#include <utility>

#include "ingest/ts/audio_frames.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderBytes = 7;
constexpr std::size_t kCrcBytes = 2;
constexpr std::size_t kSyncBytes = 2;

struct AdtsHeader {
  std::size_t header = 0;
  std::size_t frame = 0;  ///< With the header.
  std::array<std::uint8_t, 2> configuration{};
  bool has_one_block = false;
};

bool has_sync(Span bytes) {
  return bytes[0] == 0xFF && (bytes[1] & 0xF6) == 0xF0;
}

/// Of at least kHeaderBytes; false: no header.
bool read_header(Span bytes, AdtsHeader& header) {
  header = {};
  if (!has_sync(bytes)) return false;
  const bool has_crc = (bytes[1] & 1) == 0;
  const unsigned object_type = (bytes[2] >> 6) + 1u;
  const unsigned rate_index = bytes[2] >> 2 & 0x0F;
  const unsigned channels = (bytes[2] & 1u) << 2 | bytes[3] >> 6;
  header.header = kHeaderBytes + (has_crc ? kCrcBytes : 0);
  header.frame = static_cast<std::size_t>(bytes[3] & 3) << 11 |
                 static_cast<std::size_t>(bytes[4]) << 3 | bytes[5] >> 5;
  header.has_one_block = (bytes[6] & 3) == 0;
  header.configuration = {static_cast<std::uint8_t>(object_type << 3 | rate_index >> 1),
                          static_cast<std::uint8_t>((rate_index & 1) << 7 | channels << 3)};
  return header.frame > header.header;
}

class AdtsFrames final : public AudioFrames {
 public:
  Status push(Span bytes, const Take& take) override {
    const std::size_t old = kept_.size();  // From here on frames start in this packet.
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    while (kept_.size() - at >= kHeaderBytes) {
      const Span rest = Span(kept_).subspan(at);
      AdtsHeader header;
      const bool is_header = read_header(rest, header);
      // Once lost, one that may be an accident counts only with another behind its frame.
      const std::size_t needed = header.frame + (is_lost_ ? kSyncBytes : 0);
      if (is_header && rest.size() < needed) break;
      if (!is_header || (is_lost_ && !has_sync(rest.subspan(header.frame)))) {
        if (!std::exchange(is_lost_, true)) ++dropped_;
        ++at;
        continue;
      }
      is_lost_ = false;
      const auto track = header.has_one_block ? track_of(header.configuration) : nullptr;
      const std::size_t from = at;
      at += header.frame;
      if (!track) {
        ++dropped_;
        continue;
      }
      if (auto status =
              take(track, rest.subspan(header.header, header.frame - header.header), from >= old);
          !status.has_value()) {
        kept_.clear();
        return status;
      }
    }
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(at));
    return ok();
  }

 private:
  bool is_lost_ = false;
};

}  // namespace

std::unique_ptr<AudioFrames> create_adts_frames() {
  return std::make_unique<AdtsFrames>();
}

}  // namespace millrace::ingest
