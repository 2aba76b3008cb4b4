// LATM: AudioMuxElement() in AudioSyncStream() (ISO/IEC 14496-3 1.7.2, 1.7.3).
#include <optional>
#include <utility>

#include "ingest/ts/audio_frames.h"
#include "media/bit_reader.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kSyncBytes = 3;

/// Bits copied to the front of bytes, as they go by.
class RecordingReader {
 public:
  explicit RecordingReader(BitReader& reader) : reader_(reader) {}

  std::uint32_t read(int count) {
    const std::uint32_t value = reader_.read(count);
    for (int i = count - 1; i >= 0; --i) put(value >> i & 1);
    return value;
  }
  std::vector<std::uint8_t> bytes() const { return bytes_; }

 private:
  void put(std::uint32_t bit) {
    if (bits_ % 8 == 0) bytes_.push_back(0);
    bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | bit << (7 - bits_ % 8));
    ++bits_;
  }

  BitReader& reader_;
  std::vector<std::uint8_t> bytes_;
  std::size_t bits_ = 0;
};

/// LatmGetValue(), 1.7.3: a count of bytes, then those.
std::uint32_t read_value(BitReader& reader) {
  const int bytes = static_cast<int>(reader.read(2)) + 1;
  return reader.read(8 * bytes);
}

std::uint32_t read_object_type(RecordingReader& reader) {
  const std::uint32_t type = reader.read(5);
  return type == 31 ? 32 + reader.read(6) : type;
}

void read_rate(RecordingReader& reader) {
  if (reader.read(4) == 15) reader.read(24);
}

/// AudioSpecificConfig() of AAC, whose length nobody says (1.6.2.1, 4.4.1).
std::optional<std::vector<std::uint8_t>> read_configuration(BitReader& source) {
  RecordingReader reader(source);
  std::uint32_t type = read_object_type(reader);
  read_rate(reader);
  const std::uint32_t channels = reader.read(4);
  if (type == 5 || type == 29) {
    read_rate(reader);
    type = read_object_type(reader);
  }
  const bool needs_program_config = channels == 0;
  if (type != 2 || needs_program_config) return std::nullopt;
  reader.read(1);                       // frameLengthFlag
  if (reader.read(1)) reader.read(14);  // dependsOnCoreCoder
  const bool is_extended = reader.read(1);
  if (is_extended) return std::nullopt;
  return reader.bytes();
}

struct StreamMuxConfig {
  std::vector<std::uint8_t> configuration;
  std::uint32_t frames = 1;  ///< In one element.
};

/// StreamMuxConfig(), table 1.42; nothing where it is more than one layer of AAC.
std::optional<StreamMuxConfig> read_mux_config(BitReader& reader) {
  StreamMuxConfig config;
  const bool is_version_1 = reader.read_flag();
  if (is_version_1 && reader.read_flag()) return std::nullopt;  // audioMuxVersionA
  if (is_version_1) read_value(reader);                         // taraBufferFullness
  const bool is_same_framing = reader.read_flag();
  config.frames = reader.read(6) + 1;
  const bool is_single = reader.read(4) == 0 && reader.read(3) == 0;  // Programs, layers.
  if (!is_same_framing || !is_single) return std::nullopt;
  const std::uint32_t bits = is_version_1 ? read_value(reader) : 0;
  const std::size_t before = reader.bits_left();
  auto configuration = read_configuration(reader);
  if (!configuration) return std::nullopt;
  if (is_version_1) {
    const std::size_t used = before - reader.bits_left();
    if (used > bits) return std::nullopt;
    reader.skip(bits - used);
  }
  config.configuration = std::move(*configuration);
  if (reader.read(3) != 0) return std::nullopt;  // frameLengthType: lengths in front of frames.
  reader.skip(8);                                // latmBufferFullness
  if (reader.read_flag()) {                      // otherDataPresent
    if (is_version_1) {
      read_value(reader);
    } else {
      while (reader.read_flag() && !reader.has_overrun()) reader.skip(8);
      reader.skip(8);
    }
  }
  if (reader.read_flag()) reader.skip(8);  // crcCheckSum
  if (reader.has_overrun()) return std::nullopt;
  return config;
}

class LatmFrames final : public AudioFrames {
 public:
  Status push(Span bytes, const Take& take) override {
    const std::size_t old = kept_.size();
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    bool is_lost = false;
    while (kept_.size() - at >= kSyncBytes) {
      const Span rest = Span(kept_).subspan(at);
      // AudioSyncStream(): 11 bits of 0x2B7, 13 of length.
      if (rest[0] != 0x56 || (rest[1] & 0xE0) != 0xE0) {
        if (!std::exchange(is_lost, true)) ++dropped_;
        ++at;
        continue;
      }
      is_lost = false;
      const std::size_t length = static_cast<std::size_t>(rest[1] & 0x1F) << 8 | rest[2];
      if (rest.size() < kSyncBytes + length) break;
      const bool starts_here = at >= old;
      at += kSyncBytes + length;
      if (auto status = read_element(rest.subspan(kSyncBytes, length), take, starts_here);
          !status.has_value()) {
        kept_.clear();
        return status;
      }
    }
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(at));
    return ok();
  }

 private:
  Status read_element(Span element, const Take& take, bool starts_here) {
    BitReader reader(element);
    if (const bool is_same = reader.read_flag(); !is_same) config_ = read_mux_config(reader);
    const auto track = config_ ? track_of_aac(config_->configuration) : nullptr;
    if (!track) {
      ++dropped_;
      return ok();
    }
    for (std::uint32_t i = 0; i < config_->frames; ++i) {
      std::size_t length = 0;
      std::uint32_t more = 0;
      do {
        more = reader.read(8);
        length += more;
      } while (more == 255 && !reader.has_overrun());
      if (length == 0 || length * 8 > reader.bits_left()) {
        ++dropped_;
        return ok();
      }
      std::vector<std::uint8_t> frame(length);
      for (auto& byte : frame) byte = static_cast<std::uint8_t>(reader.read(8));
      RETURN_IF_ERROR(take(track, frame, starts_here));
    }
    return ok();
  }

  std::optional<StreamMuxConfig> config_;
};

}  // namespace

std::unique_ptr<AudioFrames> create_latm_frames() {
  return std::make_unique<LatmFrames>();
}

}  // namespace millrace::ingest
