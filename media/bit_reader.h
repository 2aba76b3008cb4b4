#pragma once
// Bits of a parameter set, most significant first. Reading past the end gives zeros and is
// remembered: check has_overrun() once, after a structure. A value; any thread.
#include <cstdint>
#include <span>

namespace millrace {

class BitReader {
 public:
  explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// `count` bits, 0 to 32.
  std::uint32_t read(int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 1 | read_bit();
    return value;
  }
  bool read_flag() { return read_bit() != 0; }
  void skip(std::size_t count) { position_ += count; }

  /// ue(v) of ISO/IEC 14496-10 9.1; more than 32 leading zeros count as an overrun.
  std::uint32_t read_unsigned_golomb() {
    int zeros = 0;
    while (zeros <= 32 && !has_overrun() && read_bit() == 0) ++zeros;
    if (zeros > 31) {
      position_ = bytes_.size() * 8 + 1;
      return 0;
    }
    return (std::uint32_t{1} << zeros) - 1 + read(zeros);
  }
  /// se(v) of 9.1.1.
  std::int32_t read_signed_golomb() {
    const std::uint32_t code = read_unsigned_golomb();
    const auto half = static_cast<std::int32_t>((code >> 1) + (code & 1));
    return code & 1 ? half : -half;
  }

  bool has_overrun() const { return position_ > bytes_.size() * 8; }
  std::size_t bits_left() const { return has_overrun() ? 0 : bytes_.size() * 8 - position_; }

 private:
  std::uint32_t read_bit() {
    const std::size_t at = position_++;
    if (at >= bytes_.size() * 8) return 0;
    return (bytes_[at / 8] >> (7 - at % 8)) & 1u;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
};

}  // namespace millrace
