#pragma once
// The server's end of a ladder: feeds a worker process, delivers what comes back, and starts
// another one when it dies, hangs (1 s without progress while fed) or breaks the protocol.
//
// A new worker gets the packets kept since a key frame and goes on, per rung, with the picture
// behind the last one delivered, as a key frame: nothing is missing, and nothing comes twice. Where
// that picture is not kept any more or is over two seconds old, or the new worker's parameter sets
// are others, the rung goes on with the next picture that opens a segment. Restarts follow
// restart_backoff.h, drops feed_window.h. A worker that ends on a device is replaced at once, by
// one elsewhere.
//
// Thread: the channel's loop.
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "transcode/backlog.h"
#include "transcode/feed_window.h"
#include "transcode/output_gate.h"
#include "transcode/restart_backoff.h"
#include "transcode/transcode.h"
#include "transcode/worker/protocol.h"
#include "transcode/worker_link.h"

namespace millrace::transcode {

class WorkerLadder final : public Sink<EncodedPacket> {
 public:
  /// All of options.rungs. It begins with `backlog`, whose first packet opens a segment, or with
  /// the first pushed. References outlive it.
  WorkerLadder(Options options, std::vector<Sink<EncodedPacket>*> outputs,
               const std::vector<EncodedPacket>& backlog, net::EventLoop& loop, Metrics& metrics);
  ~WorkerLadder() override;

  /// The first worker. kSystem where the binary cannot be run.
  Status start();
  Status push(EncodedPacket packet) override;
  Status finish() override;
  /// As Ladder's; while no worker runs: whether the next one would be.
  bool is_elsewhere() const;
  /// As Ladder's, of one of options.rungs.
  std::optional<DeviceHelp> help(std::size_t rung) const;

 private:
  enum class State { kRunning, kWaitingToRestart, kDraining, kFinished };
  struct RungState;

  Status spawn_worker();
  Status start_link();
  Status choose_device();
  bool is_on_device() const { return place_ && !place_->device().empty(); }
  worker::Configuration configuration() const;
  worker::RungStart start_of(const RungState& rung) const;
  void send(const EncodedPacket& packet);
  bool is_to_be_dropped(const EncodedPacket& packet);

  void on_received(std::span<const std::uint8_t> bytes);
  Status on_message(worker::MessageType type, const Bytes& body);
  Status on_packet(worker::PacketMessage message);
  Status on_statistics(const worker::Statistics& statistics);
  void account(const worker::Statistics& before, const worker::Statistics& now);
  void end_catch_up();
  void on_delivered();
  void on_exited(const std::string& how);
  void on_no_host();
  void end_worker(std::string_view why, ErrorCode code);
  void report_crash(std::string_view why) const;
  void restart();
  void wait_to_restart(const Error& why);
  void watch();
  std::string_view hang(std::chrono::steady_clock::time_point now) const;
  void finish_outputs();

  Options options_;
  net::EventLoop& loop_;
  Metrics& metrics_;
  SystemClock clock_;
  Counter dropped_at_decode_, dropped_at_encode_, restarts_, failovers_;
  Gauge realtime_factor_, workers_;

  State state_ = State::kRunning;
  std::unique_ptr<Devices::Place> place_;  ///< The worker's; null where there are no devices.
  std::unique_ptr<WorkerLink> worker_;
  std::chrono::steady_clock::time_point worker_began_, drain_began_;
  std::chrono::steady_clock::time_point heard_at_;  ///< When it last sent something.
  worker::FrameReader frames_;
  bool is_ready_ = false;
  std::shared_ptr<const TrackInfo> sent_track_;
  FeedWindow window_;
  bool is_dropping_ = true;      ///< Up to the next key frame.
  bool has_dropped_ = false;     ///< Since the last packet sent.
  bool is_catching_up_ = false;  ///< The backlog has not been taken yet.
  std::uint32_t catch_up_packets_ = 0;
  std::string last_words_;         ///< The worker's own reason to end.
  worker::Statistics statistics_;  ///< The newest.
  std::chrono::steady_clock::time_point statistics_at_;
  worker::Statistics measured_;  ///< Where the real-time factor was last taken.

  std::vector<RungState> rungs_;
  Backlog backlog_;
  RestartBackoff backoff_;
  net::Timer watch_timer_, restart_timer_;
};

}  // namespace millrace::transcode
