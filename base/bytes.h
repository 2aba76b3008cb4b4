#pragma once
// Shared immutable bytes. Copying and slicing share the allocation; whoever is last frees it, on
// any thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace millrace {

/// Bytes behind every allocation's end that are zero, so that a decoder may read a payload in
/// place: FFmpeg's AV_INPUT_BUFFER_PADDING_SIZE.
inline constexpr std::size_t kBytesPadding = 64;

/// A buffer while it is being filled, by one owner. Its content starts undefined.
class MutableBytes {
 public:
  MutableBytes() = default;
  explicit MutableBytes(std::size_t size)
      : storage_(std::make_shared_for_overwrite<std::uint8_t[]>(size + kBytesPadding)),
        size_(size) {
    std::memset(storage_.get() + size, 0, kBytesPadding);
  }
  std::uint8_t* data() { return storage_.get(); }
  const std::uint8_t* data() const { return storage_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::uint8_t> span() { return {storage_.get(), size_}; }

 private:
  friend class Bytes;
  std::shared_ptr<std::uint8_t[]> storage_;
  std::size_t size_ = 0;
};

class Bytes {
 public:
  Bytes() = default;
  Bytes(MutableBytes&& filled) : view_(filled.storage_.get(), filled.size_) {
    storage_ = std::move(filled.storage_);
    filled.size_ = 0;
  }
  static Bytes copy_of(std::span<const std::uint8_t> source) {
    MutableBytes copy(source.size());
    if (!source.empty()) std::memcpy(copy.data(), source.data(), source.size());
    return Bytes(std::move(copy));
  }
  static Bytes copy_of(std::string_view text) {
    return copy_of(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  /// Bytes that live as long as the program (embedded files). No padding is promised.
  static Bytes of_static(std::span<const std::uint8_t> view) {
    Bytes bytes;
    bytes.view_ = view;
    return bytes;
  }

  /// Bytes of something else, which is let go of with the last of them. No padding is promised.
  static Bytes kept_by(std::shared_ptr<const void> owner, std::span<const std::uint8_t> view) {
    Bytes bytes;
    bytes.storage_ = std::shared_ptr<const std::uint8_t[]>(std::move(owner), view.data());
    bytes.view_ = view;
    return bytes;
  }

  const std::uint8_t* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  std::span<const std::uint8_t> span() const { return view_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(view_.data()), view_.size()};
  }
  std::uint8_t operator[](std::size_t index) const { return view_[index]; }

  Bytes slice(std::size_t offset, std::size_t length) const {
    CHECK(offset <= size() && length <= size() - offset);
    Bytes part;
    part.storage_ = storage_;
    part.view_ = view_.subspan(offset, length);
    return part;
  }
  Bytes slice(std::size_t offset) const {
    CHECK(offset <= size());
    return slice(offset, size() - offset);
  }

  /// By content.
  friend bool operator==(const Bytes& a, const Bytes& b) { return a.text() == b.text(); }

 private:
  std::shared_ptr<const std::uint8_t[]> storage_;
  std::span<const std::uint8_t> view_;
};

}  // namespace millrace
