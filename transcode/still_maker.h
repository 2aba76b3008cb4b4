#pragma once
// The server's end of a still picture: transcode.h's StillMaker.
//
// Thread: the channel's loop.
#include <memory>
#include <string>
#include <vector>

#include "net/child_process.h"
#include "transcode/transcode.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode {

class WorkerStill final : public StillMaker {
 public:
  using Reply = std::function<void(Result<std::vector<StillRung>>)>;

  WorkerStill(StillOptions options, net::EventLoop& loop, Reply reply);

  /// kSystem where the binary cannot be run, kInvalidData without a source.
  Status start(const std::vector<EncodedPacket>& source);

 private:
  void on_received(std::span<const std::uint8_t> bytes);
  Status on_message(worker::MessageType type, const Bytes& body);
  Status on_packet(const worker::PacketMessage& message);
  void on_exited(const std::string& how);
  void end(Result<std::vector<StillRung>> result);

  const StillOptions options_;
  net::EventLoop& loop_;
  Reply reply_;  ///< Empty once it has been called.
  std::unique_ptr<net::ChildProcess> worker_;
  worker::FrameReader frames_;
  std::vector<StillRung> rungs_;
  std::size_t received_bytes_ = 0;
  std::string last_words_;
  net::Timer deadline_;
};

}  // namespace millrace::transcode
