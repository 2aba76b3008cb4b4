#pragma once
// A fuzz input that says itself how it is cut: one byte with a number, so many sizes of pieces,
// which are used in turn, then the bytes. A size of 0 is 256.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::test {

class Pieces {
 public:
  explicit Pieces(std::span<const std::uint8_t> input) {
    if (input.empty()) return;
    const std::size_t count = std::min<std::size_t>(input[0], input.size() - 1);
    sizes_ = input.subspan(1, count);
    bytes_ = input.subspan(1 + count);
  }

  std::span<const std::uint8_t> whole() const { return bytes_; }

  /// Calls `take` with one piece after the other, until it returns false.
  template <typename Take>
  void for_each(Take take) const {
    auto rest = bytes_;
    for (std::size_t i = 0; !rest.empty(); ++i) {
      const std::size_t wish = sizes_.empty() ? 1 : sizes_[i % sizes_.size()];
      const auto piece = rest.first(std::min(wish == 0 ? 256 : wish, rest.size()));
      rest = rest.subspan(piece.size());
      if (!take(piece)) return;
    }
  }

 private:
  std::span<const std::uint8_t> sizes_;
  std::span<const std::uint8_t> bytes_;
};

}  // namespace millrace::test
