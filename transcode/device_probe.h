#pragma once
// transcode.h's DeviceProbe: reads what the process sends. Thread: the loop.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/child_process.h"
#include "transcode/transcode.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode {

class WorkerProbe final : public DeviceProbe {
 public:
  using Reply = std::function<void(Result<std::vector<FoundDevice>>)>;

  WorkerProbe(net::EventLoop& loop, Reply reply);

  /// kSystem: the binary cannot be run.
  Status start(const std::string& worker_path);

 private:
  void on_received(std::span<const std::uint8_t> bytes);
  void on_exited(const std::string& how);
  void end(std::string_view problem);

  net::EventLoop& loop_;
  Reply reply_;  ///< Empty once it has been called.
  std::unique_ptr<net::ChildProcess> worker_;
  worker::FrameReader frames_;
  std::vector<FoundDevice> found_;
  net::Timer deadline_;
};

}  // namespace millrace::transcode
