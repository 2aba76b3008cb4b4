#pragma once
// One attempt at one source, from its connection to its end: a pipeline, or an SRT call.
//
// Thread: the channel's loop. Events come from posted tasks, never inside start() or stop().
#include <functional>
#include <memory>

#include "base/metrics.h"
#include "ingest/gst/source_url.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

class SourceRun {
 public:
  struct Events {
    /// What the source says of itself, before its first packet and when it changes.
    std::function<void(const Announcement&)> on_announcement;
    /// An error ends the run: on_end() follows.
    std::function<Status(SourcePacket)> on_packet;
    /// kClosed: in order. Nothing follows, but stop() is still to be called.
    std::function<void(const Error&)> on_end;
  };

  virtual ~SourceRun() = default;
  virtual void start() = 0;
  /// Never waits. No event follows.
  virtual void stop() = 0;
  /// Whether everything that it had (threads, sockets) is gone: it can be destroyed without
  /// waiting.
  virtual bool is_stopped() const = 0;
};

/// What a run is made with. All of it outlives the run.
struct RunContext {
  net::EventLoop& loop;
  Metrics& metrics;
  const Clock& clock;
  net::srt::Callers& callers;
  Labels labels;  ///< channel and source.
};

/// kInvalidData: the pipeline is wrong, or GStreamer lacks an element.
Result<std::shared_ptr<SourceRun>> create_pipeline_run(const SourceUrl& url, RunContext context,
                                                       SourceRun::Events events);
std::shared_ptr<SourceRun> create_srt_run(const SourceUrl& url, RunContext context,
                                          SourceRun::Events events);

}  // namespace millrace::ingest
