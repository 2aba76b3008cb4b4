#pragma once
// Boxes of ISO/IEC 14496-12 4.2 written one inside the other into a growing buffer, for headers,
// and the numbers of MPEG-TS tables. A chunk's boxes have known sizes and go straight into their
// final buffer. The caller's thread.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::packager {

class BoxWriter {
 public:
  void u8(std::uint32_t value) { bytes_.push_back(static_cast<std::uint8_t>(value)); }
  void u16(std::uint32_t value) {
    u8(value >> 8);
    u8(value);
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value);
  }
  void zeros(std::size_t count) { bytes_.insert(bytes_.end(), count, 0); }
  void text(std::string_view value) { bytes_.insert(bytes_.end(), value.begin(), value.end()); }
  void bytes(std::span<const std::uint8_t> value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }

  /// A box around what `content` writes.
  template <typename Content>
  void box(std::string_view type, Content content) {
    const std::size_t start = bytes_.size();
    u32(0);
    text(type);
    content();
    const auto size = static_cast<std::uint32_t>(bytes_.size() - start);
    for (std::size_t i = 0; i < 4; ++i)
      bytes_[start + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
  }
  /// The same with version and flags.
  template <typename Content>
  void full_box(std::string_view type, std::uint32_t version, std::uint32_t flags,
                Content content) {
    box(type, [&] {
      u32(version << 24 | flags);
      content();
    });
  }

  const std::vector<std::uint8_t>& written() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace millrace::packager
