#pragma once
// The server's end of sound that is converted: feeds a worker process, delivers what comes back,
// and starts another one when it dies, hangs (1 s without a word while fed) or breaks the protocol.
// What a worker had is lost with it. Restarts follow restart_backoff.h.
//
// Thread: the channel's loop.
#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "base/clock.h"
#include "net/child_process.h"
#include "transcode/feed_window.h"
#include "transcode/restart_backoff.h"
#include "transcode/transcode.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode {

class WorkerAudio final : public Sink<EncodedPacket> {
 public:
  /// References outlive it.
  WorkerAudio(AudioOptions options, Sink<EncodedPacket>& output, net::EventLoop& loop,
              Metrics& metrics);
  ~WorkerAudio() override;

  /// The first worker. kSystem where the binary cannot be run.
  Status start();
  Status push(EncodedPacket packet) override;
  Status finish() override;

 private:
  enum class State { kRunning, kWaitingToRestart, kDraining, kFinished };

  Status spawn_worker();
  worker::Configuration configuration() const;
  void keep(const EncodedPacket& packet);
  void on_received(std::span<const std::uint8_t> bytes);
  Status on_message(worker::MessageType type, const Bytes& body);
  Status on_track(TrackInfo track);
  Status on_packet(worker::PacketMessage message);
  Status acknowledge(std::uint32_t taken);
  void end_worker(std::string_view why, ErrorCode code);
  void restart();
  void watch();
  void finish_output();

  const AudioOptions options_;
  Sink<EncodedPacket>& output_;
  net::EventLoop& loop_;
  Metrics& metrics_;
  SystemClock clock_;
  Counter dropped_, restarts_;
  Gauge workers_;

  State state_ = State::kRunning;
  std::unique_ptr<net::ChildProcess> worker_;
  std::chrono::steady_clock::time_point worker_began_, drain_began_;
  std::chrono::steady_clock::time_point heard_at_;  ///< When it last sent something.
  worker::FrameReader frames_;
  bool is_ready_ = false;
  FeedWindow window_;
  std::deque<std::chrono::steady_clock::time_point> received_;  ///< Of what it has not taken.
  std::chrono::steady_clock::time_point newest_taken_;          ///< When that was received.
  std::shared_ptr<const TrackInfo> sent_track_;
  std::shared_ptr<const TrackInfo> track_;  ///< Of what comes back.
  std::deque<EncodedPacket> kept_;          ///< The newest that it was sent, for a crash report.
  std::size_t kept_bytes_ = 0;
  std::string last_words_;
  RestartBackoff backoff_;
  net::Timer watch_timer_, restart_timer_;
};

}  // namespace millrace::transcode
