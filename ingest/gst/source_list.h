#pragma once
// A channel's pull sources: runs them as Failover says, and puts one of them on air.
//
// Thread: the channel's loop, but for the constructor and prepare().
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_checker.h"
#include "ingest/gst/failover.h"
#include "ingest/gst/source_run.h"
#include "ingest/gst/source_url.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

/// Held by shared_ptr, so that tasks posted to the loop can find it gone.
class SourceList : public std::enable_shared_from_this<SourceList> {
 public:
  SourceList(PullOptions options, net::EventLoop& loop, PullTarget& target,
             net::srt::Callers& callers, Metrics& metrics, const Clock& clock);
  ~SourceList();

  /// Reads the URLs and makes each pipeline once, so that what is wrong is known at once and no
  /// plug-in is loaded on the loop. Any thread.
  Status prepare();
  void start();
  void stop(std::function<void()> done);

 private:
  class OnAir;
  struct Source;

  void tick();
  void act();
  void start_run(std::size_t index);
  void stop_run(std::size_t index, std::optional<Failover::Failure> why);
  Status take(std::size_t index, SourcePacket packet);
  bool may_open(const Source& source, const SourcePacket& packet) const;
  void run_ended(std::size_t index, std::uint64_t run, const Error& error);
  void go_on_air(std::size_t index);
  void cut_off(std::uint64_t session, const std::string& reason);
  void leave_air();
  void report();
  Labels labels_of(std::size_t index) const;

  const PullOptions options_;
  net::EventLoop& loop_;
  PullTarget& target_;
  net::srt::Callers& callers_;
  Metrics& metrics_;
  const Clock& clock_;
  Failover failover_;
  Gauge active_;
  ThreadChecker thread_;
  std::vector<std::unique_ptr<Source>> sources_;

  std::uint64_t session_ = 0;  ///< Counts times on air: what is said to an earlier one is ignored.
  std::optional<std::size_t> fed_;  ///< Whose packets the feed gets.
  std::unique_ptr<OnAir> publisher_;
  std::unique_ptr<Feed> feed_;     ///< Kept while no source is good, so that the channel lives on.
  std::function<void()> stopped_;  ///< Set by stop().
  net::Timer timer_;
};

}  // namespace millrace::ingest
