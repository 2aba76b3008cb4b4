#pragma once
// SRT connections that we open (live mode, caller): libsrt's sockets, and one thread that reads all
// of them. It is started by the first call.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "net/srt/receiver.h"

namespace millrace::net::srt {

struct CallOptions {
  std::string address;     ///< "ADDRESS:PORT", no name.
  std::string stream_id;   ///< May be empty. Has secrets in it.
  std::string passphrase;  ///< Empty: none. A secret.
  std::chrono::milliseconds latency{120};
  std::chrono::milliseconds connect_timeout{5'000};
  Labels labels;  ///< Of its statistics.
};

class Callers {
 public:
  Callers(Metrics& metrics, const Clock& clock);
  /// Ends what there is; receivers hear that it is lost.
  ~Callers();
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;

  /// Never waits. `receiver` gets start() when the other side has accepted, and lost() once,
  /// whatever happens: kDenied when it refuses. Any thread.
  void call(CallOptions options, std::shared_ptr<Receiver> receiver);

 private:
  class Thread;

  const std::unique_ptr<Thread> thread_;
};

/// The first address of `host`, which may be one, as "ADDRESS:PORT". `reply` comes on `loop`,
/// later.
void resolve(EventLoop& loop, const std::string& host, std::uint16_t port,
             std::function<void(Result<std::string>)> reply);

}  // namespace millrace::net::srt
