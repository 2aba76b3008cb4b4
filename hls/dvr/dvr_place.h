#pragma once
// Where a segment is on disk, once it is. Made with the segment, filled in by the store's writer.
//
// Any thread: what it says of the file is written before its state, and never changed afterwards.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace millrace::hls {

/// A file of media, for as long as it is there.
struct DvrFile {
  explicit DvrFile(std::string its_path) : path(std::move(its_path)) {}
  const std::string path;
  std::atomic<bool> is_removed = false;
};

/// Bytes of a file, and their CRC-32.
struct DvrRange {
  std::uint64_t offset = 0;
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
  friend bool operator==(const DvrRange&, const DvrRange&) = default;
};

class DvrPlace {
 public:
  enum class State { kQueued, kStored, kLost };

  /// kLost: it was left out, or its file has been removed.
  State state() const {
    const State state = state_.load(std::memory_order_acquire);
    return state == State::kStored && file_->is_removed ? State::kLost : state;
  }
  /// Of a segment that is stored, as what follows.
  const DvrFile& file() const { return *file_; }
  const DvrRange& segment() const { return segment_; }
  const DvrRange& init() const { return init_; }

  /// The writer's, one of both and once.
  void set_stored(std::shared_ptr<const DvrFile> file, DvrRange segment, DvrRange init) {
    file_ = std::move(file);
    segment_ = segment;
    init_ = init;
    state_.store(State::kStored, std::memory_order_release);
  }
  void set_lost() { state_.store(State::kLost, std::memory_order_release); }

 private:
  std::atomic<State> state_{State::kQueued};
  std::shared_ptr<const DvrFile> file_;
  DvrRange segment_;
  DvrRange init_;
};

}  // namespace millrace::hls
