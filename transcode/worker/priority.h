#pragma once
// What the scheduler is told of a worker's threads. Up to where it has caught up with the source
// they have the server's priority: a viewer waits for its first picture, and the pictures of rungs
// that run already have a while. From then on the sources' renditions and their delivery come
// first.
//
// Any thread.
#include <atomic>
#include <chrono>

namespace millrace::transcode::worker {

class Priority {
 public:
  /// A machine that is too slow to catch up on is not kept from its other work for longer.
  static constexpr std::chrono::seconds kLongestHaste{3};
  static constexpr int kNiceness = 5;

  /// `began`: when the worker did.
  explicit Priority(std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now())
      : began_(began) {}

  /// No thread that calls apply() from now on is in haste.
  void end_haste() { has_ended_ = true; }
  bool is_in_haste() const {
    return !has_ended_ && std::chrono::steady_clock::now() - began_ < kLongestHaste;
  }
  /// For the thread that calls it, which does so before each picture.
  void apply();

 private:
  const std::chrono::steady_clock::time_point began_;
  std::atomic<bool> has_ended_ = false;
};

}  // namespace millrace::transcode::worker
