#include "transcode/worker/frame_queue.h"

#include <algorithm>

namespace millrace::transcode::worker {

void FrameQueue::push(Frame frame, std::chrono::steady_clock::time_point deadline) {
  {
    const MutexLock lock(mutex_);
    while (frames_.size() >= kMaxFrames && !is_closed_)
      if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
    if (is_closed_) return;
    if (frames_.size() >= kMaxFrames && !drop_oldest() && !frame.picture.opens_segment) {
      // Four that open segments: two seconds of them and more. Nothing else may take their place.
      ++dropped_;
      return;
    }
    frames_.push_back(std::move(frame));
  }
  changed_.notify_all();
}

bool FrameQueue::drop_oldest() {
  const auto oldest = std::find_if(frames_.begin(), frames_.end(),
                                   [](const Frame& frame) { return !frame.picture.opens_segment; });
  if (oldest == frames_.end()) return false;
  const bool follows_gap = oldest->picture.follows_gap;
  const auto next = frames_.erase(oldest);
  if (next != frames_.end()) next->picture.follows_gap |= follows_gap;
  ++dropped_;
  return true;
}

std::optional<Frame> FrameQueue::pop() {
  std::optional<Frame> frame;
  {
    const MutexLock lock(mutex_);
    while (frames_.empty() && !is_closed_) changed_.wait(mutex_);
    if (frames_.empty()) return std::nullopt;
    frame = std::move(frames_.front());
    frames_.pop_front();
  }
  changed_.notify_all();
  return frame;
}

void FrameQueue::close() {
  {
    const MutexLock lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_all();
}

std::size_t FrameQueue::size() const {
  const MutexLock lock(mutex_);
  return frames_.size();
}

std::uint64_t FrameQueue::dropped() const {
  const MutexLock lock(mutex_);
  return dropped_;
}

}  // namespace millrace::transcode::worker
