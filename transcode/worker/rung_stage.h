#pragma once
// One rung of the worker: pictures of its size in, encoded packets out to the server.
//
// Thread: run() is its own thread's body; the other calls from any.
#include <atomic>
#include <functional>
#include <memory>

#include "transcode/encoder.h"
#include "transcode/worker/frame_queue.h"
#include "transcode/worker/message_writer.h"
#include "transcode/worker/priority.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode::worker {

class RungStage {
 public:
  /// `device` (null: the CPU), `packets_taken`, `writer` and `priority` outlive it.
  RungStage(std::uint8_t index, const Configuration& configuration, Device* device,
            MessageWriter& writer, const std::atomic<std::uint32_t>& packets_taken,
            Priority& priority);

  FrameQueue& queue() { return queue_; }
  /// Encodes until the queue is closed and empty, then what the encoder holds. An error ends the
  /// worker.
  Status run();
  RungStatistics statistics() const;

 private:
  bool is_wanted(const Picture& picture);
  Status encode(const Frame& frame);
  Status open(const Frame& frame);
  void write(const Encoder::Output& output);

  const std::uint8_t index_;
  const Rung rung_;
  const Profile profile_;
  const MediaTime part_target_;
  const RungStart start_;
  const bool is_still_;
  Device* const device_;
  MessageWriter& writer_;
  const std::atomic<std::uint32_t>& packets_taken_;
  Priority& priority_;
  FrameQueue queue_;
  // run()'s thread.
  std::unique_ptr<Encoder> encoder_;
  std::shared_ptr<const TrackInfo> source_;  ///< What the encoder was opened for.
  bool is_on_device_ = false;                ///< The encoder.
  bool has_started_ = false;
  std::optional<MediaTime> newest_pts_;
  std::optional<MediaTime> newest_end_;  ///< dts + duration of the newest packet.
  std::atomic<std::uint64_t> frames_encoded_ = 0;
  std::atomic<std::int64_t> busy_nanoseconds_ = 0;
  std::atomic<std::int64_t> cpu_nanoseconds_ = 0;
};

}  // namespace millrace::transcode::worker
