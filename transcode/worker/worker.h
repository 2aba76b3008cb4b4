#pragma once
// The worker process: reads the server's packets, and runs a thread for decoding and scaling and
// one for each rung. transcode.h's run_worker() is all that others need.
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
  explicit Worker(int descriptor) : descriptor_(descriptor), writer_(descriptor) {}

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
  MessageWriter writer_;
  FrameReader frames_;
  std::optional<Configuration> configuration_;
  std::shared_ptr<const TrackInfo> track_;
  PacketQueue packets_;
  std::atomic<std::uint32_t> packets_taken_ = 0;
  std::atomic<bool> has_failed_ = false;
  std::vector<std::unique_ptr<RungStage>> rungs_;
  std::optional<DecodeStage> decode_;
  std::optional<AudioStage> audio_;  ///< In the place of the other stages.
  std::thread decode_thread_;
  std::vector<std::thread> rung_threads_;
};

}  // namespace millrace::transcode::worker
