#pragma once
// A child process on one end of a socket pair, and a byte stream to it on the loop.
//
// Thread: everything on the loop.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "net/event_loop.h"

namespace millrace::net {

/// What happens to it; called on the loop, never inside a call of ours.
struct ChildProcessEvents {
  std::function<void(std::span<const std::uint8_t>)> on_received;  ///< Valid during the call only.
  /// The process has ended and everything it sent has been received. "exit code 1", "signal 9".
  std::function<void(std::string)> on_exited;
};

class ChildProcess {
 public:
  /// Kills (SIGKILL) and reaps.
  virtual ~ChildProcess() = default;
  /// Queued and sent in order; `queued_bytes` tells what the child has not taken yet. The caller
  /// bounds it.
  virtual void send(Bytes bytes) = 0;
  virtual std::size_t queued_bytes() const = 0;
  /// No more is sent; the child reads the end of the stream.
  virtual void close_sending() = 0;
  virtual int process_id() const = 0;
};

/// Starts `path` with `arguments`, the socket as descriptor 3 and nothing else of ours inherited
/// but stderr. The child is killed when this process dies (PR_SET_PDEATHSIG or a closed socket).
Result<std::unique_ptr<ChildProcess>> spawn(const std::string& path,
                                            const std::vector<std::string>& arguments,
                                            EventLoop& loop, ChildProcessEvents events);

}  // namespace millrace::net
