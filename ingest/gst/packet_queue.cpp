#include "ingest/gst/packet_queue.h"

#include <utility>

namespace millrace::ingest {

bool PacketQueue::has_room_for(const SourcePacket& packet) const {
  if (packets_.empty()) return packet.payload.size() <= limits_.max_bytes;
  return bytes_ + packet.payload.size() <= limits_.max_bytes &&
         packet.received_at - packets_.front().received_at <= limits_.max_age;
}

PacketQueue::Outcome PacketQueue::push(SourcePacket packet) {
  const MutexLock lock(mutex_);
  if (is_closed_) return Outcome::kQueued;
  const bool is_video = packet.track->kind == MediaKind::kVideo;
  if (is_video && packet.is_key_frame) awaits_key_frame_ = false;
  if ((is_video && awaits_key_frame_) || !has_room_for(packet)) {
    awaits_key_frame_ = awaits_key_frame_ || is_video;
    return Outcome::kDropped;
  }
  bytes_ += packet.payload.size();
  packets_.push_back(std::move(packet));
  return packets_.size() == 1 ? Outcome::kQueuedFirst : Outcome::kQueued;
}

std::deque<SourcePacket> PacketQueue::take() {
  const MutexLock lock(mutex_);
  bytes_ = 0;
  return std::exchange(packets_, {});
}

void PacketQueue::close() {
  std::deque<SourcePacket> freed;  // Outside the lock.
  const MutexLock lock(mutex_);
  is_closed_ = true;
  bytes_ = 0;
  freed.swap(packets_);
}

}  // namespace millrace::ingest
