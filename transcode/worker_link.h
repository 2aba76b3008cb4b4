#pragma once
// The way to a ladder's worker: a process of ours on a socket pair, or one of another machine's
// over TLS. What is sent and received is the same.
//
// Thread: the ladder's loop.
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "net/child_process.h"
#include "net/event_loop.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

class RemoteHosts;

/// Of the process; "exit code 0" is an end that it meant.
using WorkerEvents = net::ChildProcessEvents;

class WorkerLink {
 public:
  /// Ends the worker.
  virtual ~WorkerLink() = default;
  /// Queued and sent in order. The caller bounds what the worker has not taken.
  virtual void send(Bytes bytes) = 0;
  /// No more is sent; the worker reads the end of the stream.
  virtual void close_sending() = 0;
  /// It failed, hung or talked nonsense: the next one runs somewhere else, if it can.
  virtual void blame(std::string_view why) = 0;
  /// It takes this machine's time.
  virtual bool is_here() const = 0;
};

struct WorkerPlace {
  std::string channel;            ///< For the log.
  std::string path;               ///< The millrace-transcoder binary, for a worker here.
  WorkerLimits limits = {};       ///< Here; another machine has its own.
  RemoteHosts* remote = nullptr;  ///< Null: here. Outlives the link.
  /// For a host to give a worker: three round trips and a fork. After two hosts that do not answer
  /// there is time left for one here before the ladder takes it for one that hangs.
  std::chrono::milliseconds patience{1'200};
};

/// On the best of the hosts, or here where there is none. A host that gives no worker in
/// time is left out, and the next one gets what was sent so far, this machine at last: nobody
/// notices. An error: it was to run here and cannot.
Result<std::unique_ptr<WorkerLink>> start_worker(WorkerPlace place, net::EventLoop& loop,
                                                 WorkerEvents events);

}  // namespace millrace::transcode
