#include "transcode/worker/packet_queue.h"

namespace millrace::transcode::worker {

PacketQueue::State PacketQueue::push(EncodedPacket& packet, std::chrono::milliseconds patience) {
  {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const MutexLock lock(mutex_);
    while (packets_.size() >= kMaxPackets && !is_closed_)
      if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
    if (is_closed_) return State::kClosed;
    if (packets_.size() >= kMaxPackets) return State::kTimedOut;
    packets_.push_back(std::move(packet));
  }
  changed_.notify_all();
  return State::kDone;
}

PacketQueue::State PacketQueue::pop(EncodedPacket& packet, std::chrono::milliseconds patience) {
  {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const MutexLock lock(mutex_);
    while (packets_.empty() && !is_closed_)
      if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
    if (packets_.empty()) return is_closed_ ? State::kClosed : State::kTimedOut;
    packet = std::move(packets_.front());
    packets_.pop_front();
  }
  changed_.notify_all();
  return State::kDone;
}

void PacketQueue::close() {
  {
    const MutexLock lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace millrace::transcode::worker
