#pragma once
// The worker's first stage: packets in, each rung's scaled pictures out. Scaling is done here,
// while the decoded picture is hot in the cache.
//
// Thread: run() is its own thread's body.
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "transcode/decoder.h"
#include "transcode/deinterlacer.h"
#include "transcode/frame_scaler.h"
#include "transcode/frame_thinner.h"
#include "transcode/worker/packet_queue.h"
#include "transcode/worker/rung_stage.h"
#include "transcode/worker/server_clock.h"

namespace millrace::transcode::worker {

class DecodeStage {
 public:
  /// All outlive it; `device` is null for the CPU. `packets_taken` is counted here; `clock`: of the
  /// packets' received_at.
  DecodeStage(const Configuration& configuration, Device* device, PacketQueue& packets,
              const std::vector<std::unique_ptr<RungStage>>& rungs, MessageWriter& writer,
              std::atomic<std::uint32_t>& packets_taken, const ServerClock& clock,
              Priority& priority);

  /// Until the queue is closed and empty. Statistics are sent as it goes.
  Status run();

 private:
  Status decode(const EncodedPacket& packet);
  Status open(const EncodedPacket& packet);
  Status scale(std::vector<Frame> frames);
  Status deinterlace(Frame& frame);
  void hand_on(std::size_t rung, Frame frame);
  /// Until when a picture may wait for its encoder.
  std::chrono::steady_clock::time_point deadline_of(const Picture& picture) const;
  Status repeat_still();
  void send_statistics();

  const Configuration& configuration_;
  Device* const device_;
  PacketQueue& packets_;
  const std::vector<std::unique_ptr<RungStage>>& rungs_;
  MessageWriter& writer_;
  std::atomic<std::uint32_t>& packets_taken_;
  const ServerClock& clock_;
  Priority& priority_;
  Deinterlacer deinterlacer_;
  FrameCascade cascade_;
  std::vector<FrameThinner> thinners_;  ///< One for each rung.
  std::unique_ptr<Decoder> decoder_;
  std::shared_ptr<const TrackInfo> track_;
  bool is_behind_ = true;        ///< It has not come to what is new yet.
  std::optional<Frame> newest_;  ///< Where a still picture is made: the last one presented.
  Statistics statistics_;
  std::uint64_t earlier_decode_errors_ = 0;  ///< Of decoders before this one.
  bool has_news_ = false;                    ///< Since the last statistics.
  std::chrono::steady_clock::time_point reported_at_;
};

}  // namespace millrace::transcode::worker
