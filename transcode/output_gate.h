#pragma once
// What one rung's viewers get of a worker's packets: nothing twice, nothing that cannot be decoded,
// nothing that breaks the rules of an EncodedPacket, whatever a worker or its successor sends.
//
// Thread: the ladder's loop.
#include <memory>
#include <optional>

#include "base/result.h"
#include "media/encoded_packet.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

class OutputGate {
 public:
  explicit OutputGate(Rung rung) : rung_(std::move(rung)) {}

  /// Another worker begins. Its first packet that passes is a key frame: the picture right behind
  /// the last one delivered (then nothing is missing), or one that opens a segment (then it follows
  /// a gap).
  void begin_worker();
  /// Parameters of the packets to come. Equal ones keep their pointer. kInvalidData where they are
  /// not this rung's.
  Status set_track(TrackInfo track);
  /// The packet as it is to be delivered; empty for one to be skipped. kInvalidData where times run
  /// back: the worker is out of order.
  Result<std::optional<EncodedPacket>> pass(EncodedPacket packet);

  /// The newest presentation time delivered.
  std::optional<MediaTime> delivered_pts() const { return delivered_pts_; }

 private:
  bool begins(EncodedPacket& packet) const;

  Rung rung_;
  std::shared_ptr<const TrackInfo> track_;
  std::shared_ptr<const TrackInfo> delivered_track_;
  std::optional<MediaTime> delivered_pts_;
  MediaTime end_{};  ///< dts + duration of the newest packet delivered.
  bool is_waiting_ = true;
};

}  // namespace millrace::transcode
