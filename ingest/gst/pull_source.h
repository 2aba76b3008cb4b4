#pragma once
// A channel's source that is a GStreamer pipeline: runs it, and runs it again when it ends.
//
// Thread: the channel's loop, but for the constructor and prepare().
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/thread_checker.h"
#include "ingest/gst/packet_queue.h"
#include "ingest/gst/pipeline.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

/// Held by shared_ptr, so that tasks posted to the loop can find it gone.
class PullSource final : public Publisher, public std::enable_shared_from_this<PullSource> {
 public:
  using Attach = std::function<Result<std::unique_ptr<Feed>>(Publisher&)>;

  struct Timing {
    std::chrono::nanoseconds first_back_off = std::chrono::milliseconds(500);
    std::chrono::nanoseconds longest_back_off = std::chrono::seconds(10);
    /// A pipeline that delivers nothing for so long is taken for dead.
    std::chrono::nanoseconds stall = std::chrono::seconds(10);
  };

  PullSource(PullOptions options, Timing timing, net::EventLoop& loop, Attach attach,
             Metrics& metrics);

  /// Makes the first pipeline, so that a wrong description is known at once. Any thread.
  Status prepare();
  void start();
  /// Waits for GStreamer's threads; the feed gets finish(). Nothing follows.
  void shut_down();

  void stop(std::string_view reason) override;
  std::string protocol() const override { return "pull"; }
  std::string remote_address() const override { return "pipeline"; }

 private:
  Status make_pipeline();
  void restart();
  void schedule_restart();
  void drain(std::uint64_t run);
  Status deliver(SourcePacket packet);
  Status attach_feed(const SourcePacket& first);
  void end_run(const Error& error);
  void finish_feed();
  void watch_for_stall();

  const PullOptions options_;
  const Timing timing_;
  net::EventLoop& loop_;
  const Attach attach_;
  Metrics& metrics_;
  Counter restarts_;
  Counter dropped_;
  ThreadChecker thread_;

  std::uint64_t run_ = 0;               // What an earlier run's threads still post is ignored.
  std::unique_ptr<Pipeline> pipeline_;  // Null between two runs.
  std::shared_ptr<PacketQueue> queue_;  // The run's; its threads push into it.
  std::unique_ptr<Pipeline> stopping_;  // The run before, until it has come to rest.
  std::unique_ptr<Feed> feed_;          // From a run's first packet on.
  std::chrono::nanoseconds back_off_;
  bool has_delivered_ = false;  // Since the last look for a stall.
  bool is_stopped_ = false;
  net::Timer back_off_timer_;
  net::Timer stall_timer_;
};

}  // namespace millrace::ingest
