#pragma once
// What a worker has been sent and has not taken yet, and the rule for one that lags: past 1.5 s
// or 8 MB packets are dropped up to the next key frame for which there is room; and when it is
// taken for dead.
//
// Pure; the ladder's loop.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace millrace::transcode {

class FeedWindow {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxBytes = 8 * 1024 * 1024;
  static constexpr std::chrono::milliseconds kMaxAge{1500};

  /// Another worker begins with nothing.
  void clear() { *this = FeedWindow(); }
  void sent(std::size_t bytes, TimePoint now) {
    unacknowledged_.push_back({bytes, now});
    bytes_ += bytes;
  }
  /// The worker's count since its start; one that it cannot have is ignored: false.
  bool acknowledge(std::uint32_t taken) {
    const std::uint32_t newly = taken - acknowledged_;
    // The worker's threads overtake one another: an older count is no news.
    if (newly > UINT32_MAX / 2) return true;
    if (newly > unacknowledged_.size()) return false;
    for (std::uint32_t i = 0; i < newly; ++i) {
      bytes_ -= unacknowledged_.front().bytes;
      unacknowledged_.pop_front();
    }
    acknowledged_ = taken;
    return true;
  }
  std::uint32_t acknowledged() const { return acknowledged_; }
  bool is_empty() const { return unacknowledged_.empty(); }
  std::size_t bytes() const { return bytes_; }
  /// Since the oldest packet that it has not taken was sent.
  std::chrono::nanoseconds age(TimePoint now) const {
    return is_empty() ? std::chrono::nanoseconds(0) : now - unacknowledged_.front().at;
  }
  /// Fed for a second without saying anything (a worker that is merely busy takes a packet now and
  /// then), or three seconds without taking a packet, which is what one needs to start (up to
  /// `is_ready`) on a busy machine.
  bool is_stuck(TimePoint now, TimePoint heard_at, bool is_ready) const {
    const auto waits = age(now);
    return waits > kHang || (is_ready && waits > kSilence && now - heard_at > kSilence);
  }

 private:
  // Noticed before packets are dropped since it lags, and while rungs may still go on with the
  // picture behind the last one.
  static constexpr std::chrono::milliseconds kSilence{1000};
  static constexpr std::chrono::seconds kHang{3};

  struct Entry {
    std::size_t bytes;
    TimePoint at;
  };
  std::deque<Entry> unacknowledged_;
  std::size_t bytes_ = 0;
  std::uint32_t acknowledged_ = 0;
};

}  // namespace millrace::transcode
