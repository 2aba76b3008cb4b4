#include "transcode/backlog.h"

namespace millrace::transcode {

void Backlog::push(const EncodedPacket& packet) {
  if (packets_.empty() && !packet.is_key_frame) return;
  // What is missing cannot be decoded across.
  if (packet.follows_gap && packet.is_key_frame) clear();
  if (packet.is_key_frame) key_frames_.push_back(packet.pts);
  packets_.push_back(packet);
  bytes_ += packet.payload.size();
  while (bytes_ > kMaxBytes) drop_first_group();
}

void Backlog::delivered(MediaTime pts) {
  while (key_frames_.size() > 1 && key_frames_[1] <= pts) drop_first_group();
}

void Backlog::clear() {
  packets_.clear();
  key_frames_.clear();
  bytes_ = 0;
}

void Backlog::drop_first_group() {
  key_frames_.pop_front();
  do {
    bytes_ -= packets_.front().payload.size();
    packets_.pop_front();
  } while (!packets_.empty() && !packets_.front().is_key_frame);
}

}  // namespace millrace::transcode
