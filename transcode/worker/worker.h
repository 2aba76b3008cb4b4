#pragma once
// The worker process: reads the server's packets, and runs a thread for decoding and scaling and
// one for each rung. run_worker() is all that others need.
//
// Thread: run() on the main one, which reads the socket.
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "transcode/worker/audio_stage.h"
#include "transcode/worker/decode_stage.h"

namespace millrace::transcode::worker {

class Worker {
 public:
  /// `descriptor`: a blocking stream socket, borrowed.
  Worker(int descriptor, DeviceOpener open_device, ServerPlace server = ServerPlace::kSameMachine)
      : descriptor_(descriptor),
        open_device_(std::move(open_device)),
        writer_(descriptor),
        server_clock_(server) {}

  /// Until the stream ends (what was sent is then encoded to the end) or breaks its rules. The exit
  /// code.
  int run();

 private:
  Status read_all();
  Status on_frame(MessageType type, const Bytes& body);
  Status configure(const Bytes& body);
  Status take(EncodedPacket packet);
  bool is_server_gone() const;
  void guard(const Status& status);
  void fail(const Error& error);
  void drain();

  const int descriptor_;
  const DeviceOpener open_device_;
  MessageWriter writer_;
  ServerClock server_clock_;
  FrameReader frames_;
  std::optional<Configuration> configuration_;
  std::shared_ptr<const TrackInfo> track_;
  std::unique_ptr<Device> device_;  ///< Null: the CPU.
  PacketQueue packets_;
  std::atomic<std::uint32_t> packets_taken_ = 0;
  std::atomic<bool> has_failed_ = false;
  Priority priority_;
  std::vector<std::unique_ptr<RungStage>> rungs_;
  std::optional<DecodeStage> decode_;
  std::optional<AudioStage> audio_;  ///< In the place of the other stages.
  std::thread decode_thread_;
  std::vector<std::thread> rung_threads_;
};

}  // namespace millrace::transcode::worker

namespace millrace::transcode {

/// Serves one ladder on the socket `descriptor` until it closes. Returns the exit code.
int run_worker(int descriptor, const WorkerLimits& limits, const DeviceOpener& open_device,
               ServerPlace server = ServerPlace::kSameMachine);

}  // namespace millrace::transcode
