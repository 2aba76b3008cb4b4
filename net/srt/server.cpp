#include "net/srt/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <srt/srt.h>

#include <array>
#include <atomic>
#include <charconv>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "net/srt/refusal_log.h"
#include "net/srt/statistics.h"

namespace millrace::net::srt {
namespace {

using namespace std::chrono_literals;

// How long a stop, a takeover or an admission that came late may wait for the thread.
constexpr auto kSweep = 50ms;
constexpr auto kSample = 1s;
// From the handshake to accept(), or to a late reply of the gate.
constexpr auto kDecisionTimeout = 10s;
constexpr int kBacklog = 1'024;
constexpr int kReadable = static_cast<int>(SRT_EPOLL_IN) | static_cast<int>(SRT_EPOLL_ERR);
// The largest message of SRT's live mode has 1456 bytes.
constexpr std::size_t kMaxMessageBytes = 1'500;
// Between two looks at the other connections.
constexpr int kMessagesAtOnce = 256;

struct SocketAddress {
  sockaddr_storage storage{};
  int length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// "ADDRESS:PORT", checked with the configuration.
std::optional<SocketAddress> to_socket_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::uint16_t port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  std::string host = text.substr(0, colon);
  SocketAddress address;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(*v6);
    if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
    return address;
  }
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  address.length = sizeof(*v4);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) return std::nullopt;
  return address;
}

std::string host_of(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]";
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return text.data();
}

std::string to_text(const sockaddr& address) {
  const auto port = address.sa_family == AF_INET6
                        ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                        : reinterpret_cast<const sockaddr_in&>(address).sin_port;
  return fmt::format("{}:{}", host_of(address), ntohs(port));
}

Error srt_error(std::string_view what) {
  return {ErrorCode::kSystem, fmt::format("srt: {}: {}", what, srt_getlasterror_str())};
}

template <typename Option>
bool set(SRTSOCKET socket, SRT_SOCKOPT name, const Option& value) {
  return srt_setsockflag(socket, name, &value, sizeof(value)) != SRT_ERROR;
}

bool set_passphrase(SRTSOCKET socket, const std::string& passphrase) {
  return srt_setsockflag(socket, SRTO_PASSPHRASE, passphrase.data(),
                         static_cast<int>(passphrase.size())) != SRT_ERROR;
}

/// libsrt writes to stderr unless told otherwise.
void log_libsrt(void* /*opaque*/, int /*level*/, const char* /*file*/, int /*line*/,
                const char* /*area*/, const char* message) {
  std::string_view text(message);
  while (text.ends_with('\n')) text.remove_suffix(1);
  log::debug("srt", "libsrt {}", text);
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
  };

  Status listen(const std::string& address);
  static int on_handshake(void* self, SRTSOCKET socket, int version, const sockaddr* peer,
                          const char* stream_id);
  int decide(SRTSOCKET socket, const sockaddr& peer, const char* stream_id);
  int refuse(SRTSOCKET socket, const std::string& host, Refusal refusal, std::string_view why);

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
  void release(const std::string& host) REQUIRES(mutex_);

  const ServerOptions options_;
  Metrics& metrics_;
  const Clock& clock_;
  const Decide decide_;
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
  srt_startup();
  srt_setloghandler(nullptr, log_libsrt);
  epoll_ = srt_epoll_create();
}

LibsrtServer::~LibsrtServer() {
  stop();
  srt_epoll_release(epoll_);
  srt_cleanup();  // Its threads end here, before what the hook uses is gone.
}

Status LibsrtServer::start() {
  if (epoll_ == SRT_ERROR) return srt_error("epoll");
  for (const auto& address : options_.listen) RETURN_IF_ERROR(listen(address));
  thread_ = std::thread([this] { run(); });
  return ok();
}

Status LibsrtServer::listen(const std::string& address) {
  const auto parsed = to_socket_address(address);
  if (!parsed) return Error{ErrorCode::kInvalidData, "srt: " + address + " is not ADDRESS:PORT"};
  const SRTSOCKET socket = srt_create_socket();
  if (socket == SRT_INVALID_SOCK) return srt_error("socket");
  listeners_.push_back(socket);
  constexpr bool kNo = false;
  const int latency = static_cast<int>(options_.latency.count());
  const int idle = static_cast<int>(options_.peer_timeout.count());
  const int only_ipv6 = 0;
  bool is_set = set(socket, SRTO_RCVSYN, kNo) && set(socket, SRTO_RCVLATENCY, latency) &&
                set(socket, SRTO_PEERIDLETIMEO, idle);
  if (parsed->get()->sa_family == AF_INET6)
    is_set = is_set && set(socket, SRTO_IPV6ONLY, only_ipv6);
  if (!options_.passphrase.empty()) is_set = is_set && set_passphrase(socket, options_.passphrase);
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
  for (const SRTSOCKET socket : std::exchange(listeners_, {})) srt_close(socket);
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
  std::optional<Verdict> verdict;
  if (is_full) {
    verdict = Verdict{.receiver = nullptr,
                      .passphrase = {},
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
  }
  if (!verdict) return 0;
  // The handshake then fails by itself where the caller's is another one, or none.
  if (verdict->receiver && !verdict->passphrase.empty() &&
      !set_passphrase(socket, verdict->passphrase))
    *verdict = {.receiver = nullptr,
                .passphrase = {},
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

int LibsrtServer::refuse(SRTSOCKET socket, const std::string& host, Refusal refusal,
                         std::string_view why) {
  const int code = static_cast<int>(refusal);
  srt_setrejectreason(socket, code);
  metrics_
      .counter("millrace_srt_refused_total",
               "SRT handshakes refused, by the code that callers get.",
               {{"code", std::to_string(code)}})
      .increment();
  if (const auto count = refusals_.note(host, clock_.steady_now()))
    log::warning("srt", "refused remote={} code={} reason=\"{}\" times={}", host, code, why,
                 *count);
  return -1;
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
  {
    const MutexLock lock(session.decision->mutex);
    verdict = session.decision->verdict;
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
  session.receiver = verdict->receiver;
  session.statistics = std::make_unique<Statistics>(verdict->channel, metrics_);
  session.heard_at = session.sampled_at = now;
  session.receiver->start();
  connections_.add(1);
  srt_epoll_add_usock(epoll_, socket, &kReadable);
  return true;
}

bool LibsrtServer::read(SRTSOCKET socket, Session& session) {
  std::array<std::uint8_t, kMaxMessageBytes> message;
  const TimePoint now = clock_.steady_now();
  for (int i = 0; i < kMessagesAtOnce; ++i) {
    const int size = srt_recvmsg(socket, reinterpret_cast<char*>(message.data()),
                                 static_cast<int>(message.size()));
    if (size == SRT_ERROR) {
      if (srt_getlasterror(nullptr) == SRT_EASYNCRCV) break;
      session.receiver->flush();
      close(socket, session, {ErrorCode::kClosed, srt_getlasterror_str()});
      return false;
    }
    session.heard_at = now;
    if (!session.receiver->receive(std::span(message).first(static_cast<std::size_t>(size)), now)) {
      metrics_.count_error("srt", ErrorCode::kLimitExceeded);
      close(socket, session, {ErrorCode::kLimitExceeded, "the channel's loop does not keep up"});
      return false;
    }
  }
  session.receiver->flush();
  return true;
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
    session.statistics->sample(socket);
  }
  return true;
}

void LibsrtServer::sweep() {
  const TimePoint now = clock_.steady_now();
  for (auto entry = sessions_.begin(); entry != sessions_.end();)
    entry =
        look_after(entry->first, entry->second, now) ? std::next(entry) : sessions_.erase(entry);
  const MutexLock lock(mutex_);
  // Handshakes that failed behind the hook (a wrong passphrase) or were never finished.
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    if (now - entry->second.since <= kDecisionTimeout) {
      ++entry;
      continue;
    }
    release(entry->second.host);
    entry = pending_.erase(entry);
  }
}

void LibsrtServer::release(const std::string& host) {
  --count_;
  const auto of_host = by_host_.find(host);
  if (--of_host->second == 0) by_host_.erase(of_host);
}

}  // namespace millrace::net::srt
