#include "net/srt/caller.h"

#include <srt/srt.h>

#include <array>
#include <atomic>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/srt/socket.h"
#include "net/srt/statistics.h"

namespace millrace::net::srt {
namespace {

using namespace std::chrono_literals;
using TimePoint = Receiver::TimePoint;

// How long a new call, one that was answered, or a stop may wait for the thread.
constexpr auto kSweep = 50ms;
constexpr auto kSample = 1s;

/// Refusals by the other side have codes from 1000 on; a passphrase is refused by the protocol.
Error connect_error(SRTSOCKET socket) {
  const int reason = srt_getrejectreason(socket);
  if (reason == SRT_REJ_BADSECRET || reason == SRT_REJ_UNSECURE)
    return {ErrorCode::kDenied, "the other side refuses the passphrase"};
  if (reason >= SRT_REJC_PREDEFINED)
    return {ErrorCode::kDenied, "the other side refuses with code " + std::to_string(reason)};
  return {ErrorCode::kClosed,
          std::string("no connection: ") +
              (reason == SRT_REJ_UNKNOWN ? "no answer" : srt_rejectreason_str(reason))};
}

}  // namespace

class Callers::Thread {
 public:
  Thread(Metrics& metrics, const Clock& clock)
      : metrics_(metrics),
        clock_(clock),
        connections_(metrics.gauge("millrace_srt_calls", "SRT connections that we opened.")) {}

  ~Thread() {
    is_stopping_ = true;
    if (thread_.joinable()) thread_.join();
    for (auto& call : take_new()) call.receiver->lost({ErrorCode::kClosed, "the server stops"});
    if (epoll_ != SRT_ERROR) {
      srt_epoll_release(epoll_);
      srt_cleanup();
    }
  }

  void add(CallOptions options, std::shared_ptr<Receiver> receiver) {
    const MutexLock lock(mutex_);
    new_.push_back({std::move(options), std::move(receiver)});
    if (std::exchange(is_started_, true)) return;
    start_libsrt();
    epoll_ = srt_epoll_create();
    srt_epoll_set(epoll_, SRT_EPOLL_ENABLE_EMPTY);
    thread_ = std::thread([this] { run(); });
  }

 private:
  struct Call {
    CallOptions options;
    std::shared_ptr<Receiver> receiver;
    std::unique_ptr<Statistics> statistics{};  ///< Null until it is connected.
    TimePoint sampled_at{};
  };

  std::vector<Call> take_new() {
    const MutexLock lock(mutex_);
    return std::exchange(new_, {});
  }

  void run() {
    std::array<SRT_EPOLL_EVENT, 64> events{};
    TimePoint swept_at{};
    while (!is_stopping_) {
      const int count = srt_epoll_uwait(epoll_, events.data(), static_cast<int>(events.size()),
                                        std::chrono::milliseconds(kSweep).count());
      for (int i = 0; i < count; ++i) {
        const auto found = calls_.find(events[static_cast<std::size_t>(i)].fd);
        if (found != calls_.end() && !read(found->first, found->second)) calls_.erase(found);
      }
      if (const TimePoint now = clock_.steady_now(); now - swept_at >= kSweep) {
        swept_at = now;
        sweep(now);
      }
    }
    for (auto& [socket, call] : calls_)
      close(socket, call, {ErrorCode::kClosed, "the server stops"});
    calls_.clear();
  }

  void sweep(TimePoint now) {
    for (auto& call : take_new()) connect(std::move(call));
    for (auto entry = calls_.begin(); entry != calls_.end();)
      entry = look_after(entry->first, entry->second, now) ? std::next(entry) : calls_.erase(entry);
  }

  void connect(Call call) {
    const SRTSOCKET socket = srt_create_socket();
    const auto address = to_socket_address(call.options.address);
    if (socket == SRT_INVALID_SOCK || !address || !set_options(socket, call.options) ||
        srt_connect(socket, address->get(), address->length) == SRT_ERROR) {
      call.receiver->lost(srt_error("call"));
      if (socket != SRT_INVALID_SOCK) srt_close(socket);
      return;
    }
    srt_epoll_add_usock(epoll_, socket, &kReadable);
    calls_.emplace(socket, std::move(call));
  }

  static bool set_options(SRTSOCKET socket, const CallOptions& options) {
    constexpr bool kNo = false;
    const int latency = static_cast<int>(options.latency.count());
    const int timeout = static_cast<int>(options.connect_timeout.count());
    return set(socket, SRTO_RCVSYN, kNo) && set(socket, SRTO_RCVLATENCY, latency) &&
           set(socket, SRTO_CONNTIMEO, timeout) &&
           (options.stream_id.empty() || set_text(socket, SRTO_STREAMID, options.stream_id)) &&
           (options.passphrase.empty() || set_text(socket, SRTO_PASSPHRASE, options.passphrase));
  }

  /// False: it is over.
  bool look_after(SRTSOCKET socket, Call& call, TimePoint now) {
    if (call.receiver->wants_close()) {
      close(socket, call, {ErrorCode::kClosed, "stopped"});
      return false;
    }
    if (!call.statistics) return !is_answered(socket, call, now) || call.statistics != nullptr;
    if (now - call.sampled_at >= kSample) {
      call.sampled_at = now;
      call.statistics->sample(socket);
    }
    return true;
  }

  /// Whether the call is decided: then it is connected, or lost.
  bool is_answered(SRTSOCKET socket, Call& call, TimePoint now) {
    const SRT_SOCKSTATUS state = srt_getsockstate(socket);
    if (state == SRTS_INIT || state == SRTS_OPENED || state == SRTS_CONNECTING) return false;
    if (state != SRTS_CONNECTED) {
      close(socket, call, connect_error(socket));
      return true;
    }
    call.statistics = std::make_unique<Statistics>(call.options.labels, metrics_);
    call.sampled_at = now;
    connections_.add(1);
    call.receiver->start();
    return true;
  }

  bool read(SRTSOCKET socket, Call& call) {
    const TimePoint now = clock_.steady_now();
    if (!call.statistics) {
      if (!is_answered(socket, call, now)) return true;
      if (!call.statistics) return false;
    }
    const ReadResult read = read_messages(socket, *call.receiver, now);
    if (read.over) close(socket, call, *read.over);
    return !read.over;
  }

  void close(SRTSOCKET socket, Call& call, const Error& why) {
    srt_epoll_remove_usock(epoll_, socket);
    if (call.statistics) {
      call.statistics->sample(socket);
      call.statistics->clear();
      connections_.add(-1);
    }
    srt_close(socket);
    call.receiver->lost(why);
  }

  Metrics& metrics_;
  const Clock& clock_;
  Gauge connections_;
  std::map<SRTSOCKET, Call> calls_;  ///< The thread's.
  std::atomic<bool> is_stopping_ = false;
  int epoll_ = SRT_ERROR;  ///< Before the thread.
  std::thread thread_;

  Mutex mutex_;
  std::vector<Call> new_ GUARDED_BY(mutex_);
  bool is_started_ GUARDED_BY(mutex_) = false;
};

Callers::Callers(Metrics& metrics, const Clock& clock)
    : thread_(std::make_unique<Thread>(metrics, clock)) {}

Callers::~Callers() = default;

void Callers::call(CallOptions options, std::shared_ptr<Receiver> receiver) {
  thread_->add(std::move(options), std::move(receiver));
}

}  // namespace millrace::net::srt
