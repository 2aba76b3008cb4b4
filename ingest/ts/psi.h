#pragma once
// Program-specific information of a transport stream (ISO/IEC 13818-1 2.4.4): which programs there
// are, and of what they consist. Input from outside: bounded. One thread.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::ingest {

/// Joins a PID's packets to sections. A PID without sections costs nothing.
class SectionAssembler {
 public:
  /// The payload of one packet. `take` gets each section that is whole and whose CRC is right;
  /// returns how many were not.
  template <typename Take>
  int push(std::span<const std::uint8_t> payload, bool starts, Take&& take) {
    int bad = 0;
    if (starts) {
      // 2.4.4.1: so many bytes of the packet still belong to the section before.
      if (payload.empty() || payload[0] >= payload.size()) return reset() + 1;
      const std::size_t rest = payload[0];
      if (is_started_) bad += append(payload.subspan(1, rest), take);
      reset();
      is_started_ = true;
      payload = payload.subspan(1 + rest);
    }
    return bad + (is_started_ ? append(payload, take) : 0);
  }
  /// Packets are missing: the section in progress is worth nothing. Returns 0.
  int reset() {
    bytes_.clear();
    is_started_ = false;
    return 0;
  }

 private:
  static constexpr std::size_t kHeaderBytes = 3;
  static constexpr std::uint8_t kStuffing = 0xFF;

  template <typename Take>
  int append(std::span<const std::uint8_t> payload, Take&& take) {
    int bad = 0;
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    while (bytes_.size() >= kHeaderBytes && bytes_[0] != kStuffing) {
      // 12 bits: at most 4 KiB in all.
      const std::size_t size =
          kHeaderBytes + (static_cast<std::size_t>(bytes_[1] & 0x0F) << 8 | bytes_[2]);
      if (bytes_.size() < size) return bad;
      const auto section = std::span<const std::uint8_t>(bytes_).first(size);
      if (is_intact(section))
        take(section);
      else
        ++bad;
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size));
    }
    if (!bytes_.empty() && bytes_[0] == kStuffing) reset();
    return bad;
  }
  static bool is_intact(std::span<const std::uint8_t> section);

  std::vector<std::uint8_t> bytes_;
  bool is_started_ = false;
};

struct ProgramAssociation {
  std::uint16_t program = 0;
  std::uint16_t map_pid = 0;
  friend bool operator==(const ProgramAssociation&, const ProgramAssociation&) = default;
};

struct ElementaryStream {
  std::uint16_t pid = 0;
  std::uint8_t type = 0;
  std::uint32_t registration = 0;  ///< Format identifier of its registration descriptor, or 0.
  std::string language;            ///< ISO 639-2, three small letters; empty: not said.
  bool is_dvb_ac3 = false;         ///< It has DVB's descriptor of AC-3 (ETSI EN 300 468 annex D).
  std::uint8_t opus_channels = 0;  ///< As the descriptor of Opus has them; 0: it has none.
  friend bool operator==(const ElementaryStream&, const ElementaryStream&) = default;
};

struct ProgramMap {
  std::uint16_t program = 0;
  std::vector<ElementaryStream> streams;
};

/// The programs of a PAT section, without the network's; nothing where it is another section, not
/// valid yet, or malformed. A PAT of more than one section is not put together.
std::optional<std::vector<ProgramAssociation>> parse_association(
    std::span<const std::uint8_t> section);
/// What a PMT section says.
std::optional<ProgramMap> parse_map(std::span<const std::uint8_t> section);

}  // namespace millrace::ingest
