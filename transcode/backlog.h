#pragma once
// The source's packets from a key frame on, kept so that a restarted worker can decode on from
// where the outputs stopped.
//
// Thread: the ladder's loop.
#include <cstddef>
#include <deque>

#include "media/encoded_packet.h"

namespace millrace::transcode {

class Backlog {
 public:
  /// Past it the oldest group of pictures goes, and the only one too: then it is empty up to the
  /// next key frame.
  static constexpr std::size_t kMaxBytes = 8 * 1024 * 1024;

  void push(const EncodedPacket& packet);
  /// All outputs have delivered up to `pts`: groups that end before it are let go.
  void delivered(MediaTime pts);
  void clear();

  /// Begins with a key frame, or is empty.
  const std::deque<EncodedPacket>& packets() const { return packets_; }

 private:
  void drop_first_group();

  std::deque<EncodedPacket> packets_;
  std::deque<MediaTime> key_frames_;  ///< Their pts; the first is the first packet.
  std::size_t bytes_ = 0;
};

}  // namespace millrace::transcode
