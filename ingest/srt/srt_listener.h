#pragma once
// create_srt_listener() of ingest/ingest.h: libsrt's sockets, one thread that reads all of them.
//
// libsrt has its own threads: one receives per port, one per connection holds packets back until
// their time (TSBPD). Its accept hook runs on the former, where nothing may block.
#include <srt/srt.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "ingest/ingest.h"
#include "ingest/srt/refusal_log.h"
#include "ingest/srt/srt_publisher.h"
#include "ingest/srt/srt_statistics.h"

namespace millrace::ingest {

class SrtListener final : public Listener {
 public:
  SrtListener(SrtOptions options, Gate& gate, Metrics& metrics, const Clock& clock);
  ~SrtListener() override;

  /// Opens the ports and starts the thread. Once.
  Status start();

  std::vector<std::string> addresses() const override { return addresses_; }
  void stop() override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// What the gate says, perhaps later than the handshake.
  struct Decision {
    Mutex mutex;
    std::optional<Result<Admission>> reply GUARDED_BY(mutex);
  };
  struct Pending {
    std::shared_ptr<Decision> decision;
    std::string host;
    TimePoint since;
  };
  /// A connection that libsrt has accepted.
  struct Session {
    std::shared_ptr<Decision> decision;       ///< Null once it is known.
    std::shared_ptr<SrtPublisher> publisher;  ///< Null until then.
    std::unique_ptr<SrtStatistics> statistics;
    std::string host;
    std::string remote_address;
    TimePoint since;
    TimePoint heard_at;
  };

  Status listen(const std::string& address);
  static int on_handshake(void* self, SRTSOCKET socket, int version, const sockaddr* peer,
                          const char* stream_id);
  int decide(SRTSOCKET socket, const sockaddr& peer, const char* stream_id);
  int refuse(SRTSOCKET socket, const std::string& host, int code, std::string_view why);

  void run();
  void accept(SRTSOCKET listener);
  void admit(SRTSOCKET socket, Session& session);
  /// Reads what there is; false: the connection is over.
  bool read(SRTSOCKET socket, Session& session);
  void close(SRTSOCKET socket, Session& session, const Error& why);
  void sweep();

  const SrtOptions options_;
  Gate& gate_;
  Metrics& metrics_;
  const Clock& clock_;
  Gauge connections_;
  RefusalLog refusals_;

  int epoll_ = -1;
  std::vector<SRTSOCKET> listeners_;
  std::vector<std::string> addresses_;
  std::map<SRTSOCKET, Session> sessions_;  ///< The thread's.
  std::thread thread_;
  std::atomic<bool> is_stopping_ = false;

  Mutex mutex_;
  std::map<SRTSOCKET, Pending> pending_ GUARDED_BY(mutex_);
  std::map<std::string, std::size_t> by_host_ GUARDED_BY(mutex_);  ///< Pending ones and sessions.
  std::size_t count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::ingest
