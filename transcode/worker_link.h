#pragma once
// The way to a ladder's worker: a process of ours on a socket pair, or one of another machine's
// over TLS. What is sent and received is the same.
//
// Thread: the ladder's loop.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

class RemoteHosts;

/// Called on the loop, never inside a call of ours. Each may destroy the link.
struct WorkerEvents {
  std::function<void(std::span<const std::uint8_t>)> on_received;  ///< Valid during the call only.
  /// The worker has ended: "exit code 0" is an end that it meant.
  std::function<void(std::string)> on_exited;
  /// Of start_remote_worker(): no host has a worker. None has taken what was sent, and nothing
  /// follows: a worker is to be started here.
  std::function<void()> on_no_host;
};

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

/// For a host to give a worker: three round trips and a fork. Two may fail to answer before the
/// ladder takes the worker for one that hangs.
inline constexpr std::chrono::milliseconds kHostPatience{1'200};

/// On the best of the hosts; null where none can be had. One that gives no worker in time is left
/// out, and the next one gets what was sent so far: nobody notices. `hosts` outlive it; `channel`
/// is for the log.
std::unique_ptr<WorkerLink> start_remote_worker(RemoteHosts& hosts, std::string channel,
                                                net::EventLoop& loop, WorkerEvents events,
                                                std::chrono::milliseconds patience = kHostPatience);

/// A process of this machine. `path`: its binary. kSystem: it cannot be run.
Result<std::unique_ptr<WorkerLink>> start_local_worker(const std::string& path,
                                                       const WorkerLimits& limits,
                                                       net::EventLoop& loop, WorkerEvents events);

}  // namespace millrace::transcode
