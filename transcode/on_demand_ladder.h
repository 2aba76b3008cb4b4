#pragma once
// transcode.h's Ladder: a worker for the rungs that are wanted.
//
// A rung that is wanted while others run gets a worker of its own at once, which catches up with
// the running segment; where the next segment opens one worker for all takes over, since there
// every encoder begins with a key frame. The worker before ends with what it was fed, and its
// successor's packets wait until it has: an output sees one sequence. What is older than that has a
// worker and outputs of its own, which begin once it has opened the running segment: a viewer at
// the live edge does not wait for it.
//
// Thread: the channel's loop.
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "net/event_loop.h"
#include "transcode/transcode.h"
#include "transcode/worker_ladder.h"

namespace millrace::transcode {

class OnDemandLadder final : public Ladder {
 public:
  /// References outlive it.
  OnDemandLadder(Options options, const std::vector<Sink<EncodedPacket>*>& outputs,
                 net::EventLoop& loop, Metrics& metrics);
  ~OnDemandLadder() override;

  void want(std::vector<bool> wanted, CatchUp catch_up) override;
  const std::vector<bool>& wanted() const override { return wanted_; }
  bool is_elsewhere() const override;
  std::vector<std::optional<DeviceHelp>> help() const override;
  Status push(EncodedPacket packet) override;
  Status finish() override;

 private:
  /// One worker's packets for one rung, on their way to its output.
  class Lane;
  /// What a worker is fed with, and what it encodes.
  struct Shift;
  /// Older segments that wait for their turn.
  struct Older {
    std::vector<std::size_t> rungs;
    std::vector<EncodedPacket> packets;
    SegmentNumber after;  ///< Which any of them has to open before.
  };
  /// Where a rung's packets go, and who brings them: the first lane's pass, the others' wait.
  struct Output {
    Sink<EncodedPacket>* sink;  ///< Null once it has failed.
    std::deque<Lane*> lanes;
    std::chrono::steady_clock::time_point wanted_at;
    bool is_awaited = false;  ///< Wanted, and nothing has come yet.
  };

  bool is_running(std::size_t rung) const;
  Shift* running_shift();
  /// False where no worker can be started.
  bool begin_shift(const std::vector<std::size_t>& rungs,
                   const std::vector<EncodedPacket>& backlog);
  /// Null where no worker can be started.
  std::unique_ptr<Shift> make_shift(const std::vector<std::size_t>& rungs,
                                    std::vector<Sink<EncodedPacket>*> outputs,
                                    const std::vector<EncodedPacket>& backlog);
  void end_shift(Shift& shift);
  /// The rung has opened that segment: what waits for it begins.
  void begin_older(std::size_t rung, SegmentNumber number);
  void drop_older(const Older& older);
  /// A segment opens: one worker for all that is wanted.
  void hand_over();
  void deliver(std::size_t rung, EncodedPacket packet);
  /// The rung's first lane is over: the next one's turn.
  void advance(std::size_t rung);
  /// Lets go of shifts that are over, outside their own calls.
  void sweep();
  void show();

  Options options_;
  net::EventLoop& loop_;
  Metrics& metrics_;
  SystemClock clock_;
  Counter starts_, stops_;
  Histogram start_seconds_;
  Gauge running_;

  std::vector<Output> outputs_;
  std::vector<bool> wanted_;
  std::vector<std::unique_ptr<Shift>> shifts_;  ///< In order of their start.
  std::vector<Older> older_;
  std::size_t shown_ = 0;  ///< Of what `running_` has.
  bool is_finished_ = false;
  std::function<void()> on_drained_;
  net::Timer sweep_timer_;
};

}  // namespace millrace::transcode
