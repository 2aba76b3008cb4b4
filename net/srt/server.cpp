#include "net/srt/server.h"

#include <fmt/format.h>
#include <srt/srt.h>

#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "net/srt/refusal_log.h"
#include "net/srt/round_trips.h"
#include "net/srt/socket.h"
#include "net/srt/statistics.h"

namespace millrace::net::srt {
namespace {

using namespace std::chrono_literals;

// How long a stop, a takeover or an admission that came late may wait for the thread.
constexpr auto kSweep = 50ms;
constexpr auto kSample = 1s;
// An end that comes so much earlier than peer_timeout's, after the last media, is the caller's own.
constexpr auto kGoodbye = 1500ms;
// From the handshake to accept(), or to a late reply of the gate.
constexpr auto kDecisionTimeout = 10s;
// From the hook to the handshake's end, which is the same call of libsrt's.
constexpr auto kHandshakeEnd = 200ms;
constexpr int kBacklog = 1'024;
// libsrt begins with a round trip of 100 ms and comes near the real one with each acknowledgement.
constexpr auto kBelievable = 3s;
// A round trip of seconds is a queue, not a network that more latency would help.
constexpr std::chrono::milliseconds kLongestLatency{5'000};

std::chrono::milliseconds latency_of(SRTSOCKET socket) {
  std::int32_t latency = 0;
  int size = sizeof(latency);
  srt_getsockflag(socket, SRTO_RCVLATENCY, &latency, &size);
  return std::chrono::milliseconds(latency);
}

bool is_gone(SRTSOCKET socket) {
  const SRT_SOCKSTATUS state = srt_getsockstate(socket);
  return state == SRTS_CLOSED || state == SRTS_NONEXIST;
}

class LibsrtServer final : public Server {
 public:
  LibsrtServer(ServerOptions options, Metrics& metrics, const Clock& clock, Decide decide);
  ~LibsrtServer() override;

  /// Opens the ports and starts the thread. Once.
  Status start();

  std::vector<std::string> addresses() const override { return addresses_; }
  void stop() override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// What becomes of a handshake, perhaps known later than its end.
  struct Decision {
    Mutex mutex;
    std::optional<Verdict> verdict GUARDED_BY(mutex);
    bool is_late GUARDED_BY(mutex) = false;  ///< It was not there in time for the handshake.
  };
  struct Pending {
    std::shared_ptr<Decision> decision;
    std::string host;
    TimePoint since;
  };
  /// A connection that libsrt has accepted.
  struct Session {
    std::shared_ptr<Decision> decision;  ///< Null once it is known.
    std::shared_ptr<Receiver> receiver;  ///< Null until then.
    std::unique_ptr<Statistics> statistics;
    std::string host;
    std::string remote_address;
    TimePoint since;
    TimePoint heard_at;
    TimePoint sampled_at;
    std::chrono::milliseconds latency{};  ///< As agreed on: media is heard of so late.
    int key_length = 0;                   ///< That is asked for, in bytes.
  };

  Status listen(const Port& port);
  bool is_encrypted_enough(SRTSOCKET socket, const Session& session) const;
  static int on_handshake(void* self, SRTSOCKET socket, int version, const sockaddr* peer,
                          const char* stream_id);
  int decide(SRTSOCKET socket, const sockaddr& peer, const char* stream_id);
  void set_latency(SRTSOCKET socket, const std::string& host);
  int refuse(SRTSOCKET socket, const std::string& host, Refusal refusal, std::string_view why);
  void note_refused(const std::string& host, const std::string& code, std::string_view why);

  void run();
  void accept(SRTSOCKET listener);
  /// Asks whether it is decided; false: the connection is over.
  bool admit(SRTSOCKET socket, Session& session);
  /// Reads what there is; false: the connection is over.
  bool read(SRTSOCKET socket, Session& session);
  void close(SRTSOCKET socket, Session& session, const Error& why);
  /// False: it is over.
  bool look_after(SRTSOCKET socket, Session& session, TimePoint now);
  void sweep();
  /// Handshakes that came to nothing behind the hook.
  void sweep_pending(TimePoint now);
  void release(const std::string& host) REQUIRES(mutex_);

  const ServerOptions options_;
  Metrics& metrics_;
  const Clock& clock_;
  const Decide decide_;
  Gauge connections_;
  RefusalLog refusals_;

  int epoll_ = -1;
  std::map<SRTSOCKET, int> listeners_;  ///< With the key length that each asks for.
  std::vector<std::string> addresses_;
  std::map<SRTSOCKET, Session> sessions_;  ///< The thread's.
  std::thread thread_;
  std::atomic<bool> is_stopping_ = false;

  Mutex mutex_;
  std::map<SRTSOCKET, Pending> pending_ GUARDED_BY(mutex_);
  std::map<std::string, std::size_t> by_host_ GUARDED_BY(mutex_);  ///< Pending ones and sessions.
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  RoundTrips round_trips_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<Server>> create_server(ServerOptions options, Metrics& metrics,
                                              const Clock& clock, Decide decide) {
  auto server =
      std::make_unique<LibsrtServer>(std::move(options), metrics, clock, std::move(decide));
  RETURN_IF_ERROR(server->start());
  return std::unique_ptr<Server>(std::move(server));
}

LibsrtServer::LibsrtServer(ServerOptions options, Metrics& metrics, const Clock& clock,
                           Decide decide)
    : options_(std::move(options)),
      metrics_(metrics),
      clock_(clock),
      decide_(std::move(decide)),
      connections_(metrics.gauge("millrace_srt_connections", "Open SRT connections.")) {
  start_libsrt();
  epoll_ = srt_epoll_create();
}

LibsrtServer::~LibsrtServer() {
  stop();
  srt_epoll_release(epoll_);
  srt_cleanup();  // Its threads end here, before what the hook uses is gone.
}

Status LibsrtServer::start() {
  if (epoll_ == SRT_ERROR) return srt_error("epoll");
  for (const Port& port : options_.listen) RETURN_IF_ERROR(listen(port));
  thread_ = std::thread([this] { run(); });
  return ok();
}

Status LibsrtServer::listen(const Port& port) {
  const std::string& address = port.address;
  const Encryption& encryption =
      port.encryption.passphrase.empty() ? options_.encryption : port.encryption;
  const auto parsed = to_socket_address(address);
  if (!parsed) return Error{ErrorCode::kInvalidData, "srt: " + address + " is not ADDRESS:PORT"};
  const SRTSOCKET socket = srt_create_socket();
  if (socket == SRT_INVALID_SOCK) return srt_error("socket");
  listeners_.emplace(socket, encryption.key_length);
  constexpr bool kNo = false;
  const int latency = static_cast<int>(options_.latency.count());
  const int idle = static_cast<int>(options_.peer_timeout.count());
  const int only_ipv6 = 0;
  bool is_set = set(socket, SRTO_RCVSYN, kNo) && set(socket, SRTO_RCVLATENCY, latency) &&
                set(socket, SRTO_PEERIDLETIMEO, idle);
  if (parsed->get()->sa_family == AF_INET6)
    is_set = is_set && set(socket, SRTO_IPV6ONLY, only_ipv6);
  if (!encryption.passphrase.empty())
    is_set = is_set && set_text(socket, SRTO_PASSPHRASE, encryption.passphrase);
  // Told to callers, which take it.
  if (encryption.key_length > 0)
    is_set = is_set && set(socket, SRTO_PBKEYLEN, encryption.key_length);
  if (!is_set) return srt_error("options of " + address);
  if (srt_bind(socket, parsed->get(), parsed->length) == SRT_ERROR)
    return srt_error("cannot listen on " + address);
  srt_listen_callback(socket, &LibsrtServer::on_handshake, this);
  if (srt_listen(socket, kBacklog) == SRT_ERROR) return srt_error("cannot listen on " + address);
  sockaddr_storage bound{};
  int length = sizeof(bound);
  srt_getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &length);
  addresses_.push_back(to_text(reinterpret_cast<const sockaddr&>(bound)));
  srt_epoll_add_usock(epoll_, socket, &kReadable);
  log::info("srt", "listening address={}", addresses_.back());
  return ok();
}

void LibsrtServer::stop() {
  is_stopping_ = true;
  if (thread_.joinable()) thread_.join();
  for (const auto& [socket, key_length] : std::exchange(listeners_, {})) srt_close(socket);
}

// --- libsrt's thread ----------------------------------------------------------------------------

int LibsrtServer::on_handshake(void* self, SRTSOCKET socket, int /*version*/, const sockaddr* peer,
                               const char* stream_id) {
  return static_cast<LibsrtServer*>(self)->decide(socket, *peer, stream_id ? stream_id : "");
}

int LibsrtServer::decide(SRTSOCKET socket, const sockaddr& peer, const char* stream_id) {
  const std::string host = host_of(peer);
  const auto decision = std::make_shared<Decision>();
  bool is_full = false;
  {
    const MutexLock lock(mutex_);
    // libsrt asks twice where a caller repeats its handshake.
    const auto [entry, is_new] =
        pending_.insert_or_assign(socket, Pending{decision, host, clock_.steady_now()});
    if (is_new) ++by_host_[host], ++count_;
    is_full =
        count_ > options_.max_connections || by_host_[host] > options_.max_connections_per_address;
  }
  set_latency(socket, host);
  std::optional<Verdict> verdict;
  if (is_full) {
    verdict = Verdict{.receiver = nullptr,
                      .encryption = {},
                      .channel = {},
                      .refusal = Refusal::kOverload,
                      .why = "too many SRT connections"};
  } else {
    decide_({stream_id, to_text(peer)}, [decision](Verdict reply) {
      const MutexLock lock(decision->mutex);
      decision->verdict = std::move(reply);
    });
    // One that comes later is heard after the handshake.
    const MutexLock lock(decision->mutex);
    verdict = decision->verdict;
    decision->is_late = !verdict;
  }
  if (!verdict) return 0;
  // The handshake then fails by itself where the caller's is another one, or none.
  const std::string& passphrase = verdict->encryption.passphrase;
  if (verdict->receiver && !passphrase.empty() && !set_text(socket, SRTO_PASSPHRASE, passphrase))
    *verdict = {.receiver = nullptr,
                .encryption = {},
                .channel = {},
                .refusal = Refusal::kInternal,
                .why = "the channel's passphrase cannot be set"};
  if (verdict->receiver) return 0;
  {
    const MutexLock lock(mutex_);
    pending_.erase(socket);
    release(host);
  }
  return refuse(socket, host, verdict->refusal, verdict->why);
}

/// The floor, or what the host's network needs as far as it is known. libsrt takes more where the
/// caller asks for more.
void LibsrtServer::set_latency(SRTSOCKET socket, const std::string& host) {
  std::optional<std::chrono::microseconds> round_trip;
  {
    const MutexLock lock(mutex_);
    round_trip = round_trips_.find(host, clock_.steady_now());
  }
  if (!round_trip || options_.latency_round_trips == 0) return;
  const auto needed = std::chrono::ceil<std::chrono::milliseconds>(
      *round_trip * static_cast<std::int64_t>(options_.latency_round_trips));
  if (needed <= options_.latency) return;
  const auto latency = static_cast<int>(std::min(needed, kLongestLatency).count());
  if (!set(socket, SRTO_RCVLATENCY, latency))
    log::warning("srt", "the latency stays at its least remote={} wanted={}ms", host, latency);
}

int LibsrtServer::refuse(SRTSOCKET socket, const std::string& host, Refusal refusal,
                         std::string_view why) {
  const int code = static_cast<int>(refusal);
  srt_setrejectreason(socket, code);
  note_refused(host, std::to_string(code), why);
  return -1;
}

void LibsrtServer::note_refused(const std::string& host, const std::string& code,
                                std::string_view why) {
  metrics_
      .counter("millrace_srt_refused_total",
               "SRT handshakes refused, by the code that callers get; handshake: by libsrt itself.",
               {{"code", code}})
      .increment();
  if (const auto count = refusals_.note(host, clock_.steady_now()))
    log::warning("srt", "refused remote={} code={} reason=\"{}\" times={}", host, code, why,
                 *count);
}

// --- Our thread ---------------------------------------------------------------------------------

void LibsrtServer::run() {
  std::array<SRT_EPOLL_EVENT, 256> events{};
  TimePoint swept_at{};
  while (!is_stopping_) {
    const int count = srt_epoll_uwait(epoll_, events.data(), static_cast<int>(events.size()),
                                      std::chrono::milliseconds(kSweep).count());
    for (int i = 0; i < count; ++i) {
      const SRTSOCKET socket = events[static_cast<std::size_t>(i)].fd;
      const auto session = sessions_.find(socket);
      if (session == sessions_.end()) {
        accept(socket);
      } else if (!read(socket, session->second)) {
        sessions_.erase(session);
      }
    }
    if (const TimePoint now = clock_.steady_now(); now - swept_at >= kSweep) {
      swept_at = now;
      sweep();
    }
  }
  for (auto& [socket, session] : sessions_)
    close(socket, session, {ErrorCode::kClosed, "the server stops"});
  sessions_.clear();
}

void LibsrtServer::accept(SRTSOCKET listener) {
  sockaddr_storage peer{};
  int length = sizeof(peer);
  const SRTSOCKET socket = srt_accept(listener, reinterpret_cast<sockaddr*>(&peer), &length);
  if (socket == SRT_INVALID_SOCK) return;
  Session session;
  session.remote_address = to_text(reinterpret_cast<const sockaddr&>(peer));
  session.since = session.heard_at = clock_.steady_now();
  session.key_length = listeners_.at(listener);
  {
    const MutexLock lock(mutex_);
    const auto pending = pending_.find(socket);
    if (pending == pending_.end()) {  // Too late: the sweep has forgotten it.
      srt_close(socket);
      return;
    }
    session.decision = pending->second.decision;
    session.host = pending->second.host;
    pending_.erase(pending);
  }
  constexpr bool kNo = false;
  set(socket, SRTO_RCVSYN, kNo);
  auto& added = sessions_[socket] = std::move(session);
  if (!admit(socket, added)) sessions_.erase(socket);
}

bool LibsrtServer::admit(SRTSOCKET socket, Session& session) {
  std::optional<Verdict> verdict;
  bool is_late = false;
  {
    const MutexLock lock(session.decision->mutex);
    verdict = session.decision->verdict;
    is_late = session.decision->is_late;
  }
  const TimePoint now = clock_.steady_now();
  if (!verdict && now - session.since <= kDecisionTimeout) return true;
  session.decision.reset();
  if (!verdict || !verdict->receiver) {
    close(socket, session,
          verdict ? Error{ErrorCode::kDenied, verdict->why}
                  : Error{ErrorCode::kTimedOut, "nobody said whether it may publish"});
    return false;
  }
  // The handshake is over: a passphrase of the channel's own was not asked for in it. The caller
  // that comes again is checked, since its key is known by then.
  const Encryption& encryption = verdict->encryption;
  if (is_late && !encryption.passphrase.empty()) {
    close(socket, session,
          {ErrorCode::kDenied,
           "its channel has a passphrase of its own, which was not known in time"});
    return false;
  }
  if (!encryption.passphrase.empty()) session.key_length = encryption.key_length;
  if (!is_encrypted_enough(socket, session)) {
    close(socket, session,
          {ErrorCode::kDenied,
           fmt::format("it encrypts with a key of less than {} bits", session.key_length * 8)});
    return false;
  }
  session.receiver = verdict->receiver;
  session.statistics =
      std::make_unique<Statistics>(Labels{{"channel", verdict->channel}}, metrics_);
  session.heard_at = session.sampled_at = now;
  session.latency = latency_of(socket);
  session.receiver->start();
  connections_.add(1);
  srt_epoll_add_usock(epoll_, socket, &kReadable);
  return true;
}

/// The caller chooses the key's length, in a handshake that cannot be refused for it.
bool LibsrtServer::is_encrypted_enough(SRTSOCKET socket, const Session& session) const {
  int length = 0;
  int size = sizeof(length);
  if (session.key_length == 0) return true;
  return srt_getsockflag(socket, SRTO_PBKEYLEN, &length, &size) == 0 &&
         length >= session.key_length;
}

bool LibsrtServer::read(SRTSOCKET socket, Session& session) {
  const TimePoint now = clock_.steady_now();
  const ReadResult read = read_messages(socket, *session.receiver, now);
  if (read.has_read) session.heard_at = now;
  if (!read.over) return true;
  if (read.over->code == ErrorCode::kLimitExceeded) {
    metrics_.count_error("srt", ErrorCode::kLimitExceeded);
    close(socket, session, *read.over);
    return false;
  }
  // libsrt says the same of both. One that has said goodbye was heard a moment ago.
  const bool has_vanished =
      now - session.heard_at > options_.peer_timeout - kGoodbye - session.latency;
  close(socket, session,
        has_vanished ? Error{ErrorCode::kTimedOut, "the caller has vanished"}
                     : Error{ErrorCode::kClosed, "the caller has ended the connection"});
  return false;
}

void LibsrtServer::close(SRTSOCKET socket, Session& session, const Error& why) {
  srt_epoll_remove_usock(epoll_, socket);
  if (session.receiver) {
    session.statistics->sample(socket);
    session.statistics->clear();
    session.receiver->lost(why);
    connections_.add(-1);
  } else {
    log::warning("srt", "connection closed remote={} reason=\"{}\"", session.remote_address,
                 why.message);
  }
  srt_close(socket);
  const MutexLock lock(mutex_);
  release(session.host);
}

bool LibsrtServer::look_after(SRTSOCKET socket, Session& session, TimePoint now) {
  if (session.decision && !admit(socket, session)) return false;
  if (session.decision) return true;
  if (session.receiver->wants_close()) {
    close(socket, session, {ErrorCode::kClosed, "cut off by the server"});
    return false;
  }
  if (now - session.heard_at > options_.idle_timeout) {
    metrics_.count_error("srt", ErrorCode::kTimedOut);
    close(socket, session, {ErrorCode::kTimedOut, "it is connected and sends nothing"});
    return false;
  }
  if (now - session.sampled_at >= kSample) {
    session.sampled_at = now;
    const auto round_trip = session.statistics->sample(socket);
    if (round_trip && now - session.since > kBelievable) {
      const MutexLock lock(mutex_);
      round_trips_.remember(session.host, *round_trip, now);
    }
  }
  return true;
}

void LibsrtServer::sweep() {
  const TimePoint now = clock_.steady_now();
  for (auto entry = sessions_.begin(); entry != sessions_.end();)
    entry =
        look_after(entry->first, entry->second, now) ? std::next(entry) : sessions_.erase(entry);
  sweep_pending(now);
}

void LibsrtServer::sweep_pending(TimePoint now) {
  std::vector<std::string> failed;
  {
    const MutexLock lock(mutex_);
    for (auto entry = pending_.begin(); entry != pending_.end();) {
      // libsrt ends the handshake within the call that asked the hook, and closes what came of it
      // where the passphrases differ; it tells that to the caller alone.
      const bool has_failed = now - entry->second.since > kHandshakeEnd && is_gone(entry->first);
      if (!has_failed && now - entry->second.since <= kDecisionTimeout) {
        ++entry;
        continue;
      }
      if (has_failed) failed.push_back(entry->second.host);
      release(entry->second.host);
      entry = pending_.erase(entry);
    }
  }
  for (const std::string& host : failed)
    note_refused(host, "handshake", "the passphrase is missing, or another one");
}

void LibsrtServer::release(const std::string& host) {
  --count_;
  const auto of_host = by_host_.find(host);
  if (--of_host->second == 0) by_host_.erase(of_host);
}

}  // namespace millrace::net::srt
