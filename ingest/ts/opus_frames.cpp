// Opus in a transport stream (ETSI TS 101 154 annex on Opus): each packet behind a control header.
#include "ingest/ts/audio_frames.h"
#include "media/opus.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kMostBytes = 64 * 1024;

struct ControlHeader {
  std::size_t size = 0;  ///< Of the header.
  std::size_t packet = 0;
};

enum class Found { kHeader, kNone, kNeedsMore };

/// opus_control_header(): 11 bits 0x3FF, three flags, a length in bytes of 255, what the flags say.
Found read_control_header(Span bytes, ControlHeader& header) {
  if (bytes.size() < 3) return Found::kNeedsMore;
  if (bytes[0] != 0x7F || (bytes[1] & 0xE0) != 0xE0) return Found::kNone;
  const bool has_start_trim = bytes[1] & 0x10;
  const bool has_end_trim = bytes[1] & 0x08;
  const bool has_extension = bytes[1] & 0x04;
  std::size_t at = 2;
  for (std::uint8_t part = 0xFF; part == 0xFF; ++at) {
    if (at >= bytes.size()) return Found::kNeedsMore;
    part = bytes[at];
    header.packet += part;
    if (header.packet > kMostBytes) return Found::kNone;
  }
  at += (has_start_trim ? 2u : 0u) + (has_end_trim ? 2u : 0u);
  if (has_extension) {
    if (at >= bytes.size()) return Found::kNeedsMore;
    at += 1u + bytes[at];
  }
  header.size = at;
  return Found::kHeader;
}

class OpusFrames final : public AudioFrames {
 public:
  explicit OpusFrames(int channels) {
    if (auto track = opus_track(channels, 0); track.has_value()) {
      track_ = std::move(track).value();
      is_known_ = true;
    }
  }

  Status push(Span bytes, const Take& take) override {
    const std::size_t old = kept_.size();
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    while (at < kept_.size()) {
      const Span rest = Span(kept_).subspan(at);
      ControlHeader header;
      const Found found = read_control_header(rest, header);
      if (found == Found::kNeedsMore) break;
      if (found == Found::kNone) {
        // A PES packet begins with a header: what is between is lost.
        ++dropped_;
        at = at < old ? old : kept_.size();
        continue;
      }
      if (rest.size() < header.size + header.packet) break;
      const Span packet = rest.subspan(header.size, header.packet);
      const bool starts_here = at >= old;
      at += header.size + header.packet;
      RETURN_IF_ERROR(hand_on(packet, starts_here, take));
    }
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(at));
    return ok();
  }

 private:
  Status hand_on(Span packet, bool starts_here, const Take& take) {
    if (opus_samples(packet) == 0 || !is_known_) {
      ++dropped_;
      return ok();
    }
    auto status = take(keep(track_), packet, starts_here);
    if (!status.has_value()) kept_.clear();
    return status;
  }

  TrackInfo track_;
  bool is_known_ = false;
};

}  // namespace

std::unique_ptr<AudioFrames> create_opus_frames(int channels) {
  return std::make_unique<OpusFrames>(channels);
}

}  // namespace millrace::ingest
