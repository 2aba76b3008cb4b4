#include "ingest/srt/srt_listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <srt/access_control.h>

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "ingest/srt/stream_id.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// How long a stop, a takeover or an admission that came late may wait for the thread.
constexpr auto kSweep = 50ms;
constexpr auto kSample = 1s;
// From the handshake to accept(), or to a late reply of the gate.
constexpr auto kDecisionTimeout = 10s;
constexpr int kBacklog = 1'024;
const int kReadable = SRT_EPOLL_IN | SRT_EPOLL_ERR;
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
  log::debug("ingest", "libsrt {}", text);
}

}  // namespace

Result<std::unique_ptr<Listener>> create_srt_listener(SrtOptions options, Gate& gate,
                                                      Metrics& metrics, const Clock& clock) {
  auto listener = std::make_unique<SrtListener>(std::move(options), gate, metrics, clock);
  RETURN_IF_ERROR(listener->start());
  return std::unique_ptr<Listener>(std::move(listener));
}

SrtListener::SrtListener(SrtOptions options, Gate& gate, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      gate_(gate),
      metrics_(metrics),
      clock_(clock),
      connections_(metrics.gauge("millrace_srt_connections", "Open SRT connections.")) {
  srt_startup();
  srt_setloghandler(nullptr, log_libsrt);
  epoll_ = srt_epoll_create();
}

SrtListener::~SrtListener() {
  stop();
  srt_epoll_release(epoll_);
  srt_cleanup();
}

Status SrtListener::start() {
  if (epoll_ == SRT_ERROR) return srt_error("epoll");
  for (const auto& address : options_.listen) RETURN_IF_ERROR(listen(address));
  thread_ = std::thread([this] { run(); });
  return ok();
}

Status SrtListener::listen(const std::string& address) {
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
  srt_listen_callback(socket, &SrtListener::on_handshake, this);
  if (srt_listen(socket, kBacklog) == SRT_ERROR) return srt_error("cannot listen on " + address);
  sockaddr_storage bound{};
  int length = sizeof(bound);
  srt_getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &length);
  addresses_.push_back(to_text(reinterpret_cast<const sockaddr&>(bound)));
  srt_epoll_add_usock(epoll_, socket, &kReadable);
  log::info("ingest", "listening for SRT address={}", addresses_.back());
  return ok();
}

void SrtListener::stop() {
  is_stopping_ = true;
  if (thread_.joinable()) thread_.join();
  for (const SRTSOCKET socket : std::exchange(listeners_, {})) srt_close(socket);
}

// --- libsrt's thread ----------------------------------------------------------------------------

int SrtListener::on_handshake(void* self, SRTSOCKET socket, int /*version*/, const sockaddr* peer,
                              const char* stream_id) {
  return static_cast<SrtListener*>(self)->decide(socket, *peer, stream_id ? stream_id : "");
}

int SrtListener::decide(SRTSOCKET socket, const sockaddr& peer, const char* stream_id) {
  const std::string host = host_of(peer);
  StreamId id;
  StreamIdError fault;
  if (!parse_stream_id(stream_id, id, fault))
    return refuse(socket, host, static_cast<int>(fault.fault), fault.message);
  const auto decision = std::make_shared<Decision>();
  bool is_full = false;
  {
    const MutexLock lock(mutex_);
    auto& of_host = by_host_[host];
    is_full = count_ >= options_.max_connections || of_host >= options_.max_connections_per_address;
    // libsrt asks twice where a caller repeats its handshake.
    const auto [entry, is_new] =
        pending_.insert_or_assign(socket, Pending{decision, host, clock_.steady_now()});
    if (is_new) ++of_host, ++count_;
  }
  const auto forget = [&] {
    const MutexLock lock(mutex_);
    pending_.erase(socket);
    --count_;
    if (--by_host_[host] == 0) by_host_.erase(host);
  };
  if (is_full) {
    forget();
    return refuse(socket, host, SRT_REJX_OVERLOAD, "too many SRT connections");
  }
  gate_.admit({"srt", id.key, "live", to_text(peer)}, [decision](Result<Admission> reply) {
    const MutexLock lock(decision->mutex);
    decision->reply = std::move(reply);
  });
  // A gate that answers later is heard after the handshake.
  std::optional<Error> error;
  std::string passphrase;
  {
    const MutexLock lock(decision->mutex);
    if (decision->reply && !decision->reply->has_value()) error = decision->reply->error();
    if (decision->reply && !error) passphrase = decision->reply->value().srt_passphrase;
  }
  if (error) {
    forget();
    const bool is_denied = error->code == ErrorCode::kDenied;
    return refuse(socket, host, is_denied ? SRT_REJX_UNAUTHORIZED : SRT_REJX_OVERLOAD,
                  error->message);
  }
  // The handshake then fails by itself where the caller's is another one, or none.
  if (!passphrase.empty() && !set_passphrase(socket, passphrase)) {
    forget();
    return refuse(socket, host, SRT_REJX_ISE, "the channel's passphrase cannot be set");
  }
  return 0;
}

int SrtListener::refuse(SRTSOCKET socket, const std::string& host, int code, std::string_view why) {
  srt_setrejectreason(socket, code);
  metrics_
      .counter("millrace_srt_refused_total",
               "SRT handshakes refused, by the code that callers get.",
               {{"code", std::to_string(code)}})
      .increment();
  if (const auto count = refusals_.note(host, clock_.steady_now()))
    log::warning("ingest", "SRT refused remote={} code={} reason=\"{}\" times={}", host, code, why,
                 *count);
  return -1;
}

// --- Our thread ---------------------------------------------------------------------------------

void SrtListener::run() {
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

void SrtListener::accept(SRTSOCKET listener) {
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
  admit(socket, added);
}

void SrtListener::admit(SRTSOCKET socket, Session& session) {
  std::optional<Result<Admission>> reply;
  {
    const MutexLock lock(session.decision->mutex);
    reply = session.decision->reply;
  }
  const TimePoint now = clock_.steady_now();
  if (!reply) {
    if (now - session.since <= kDecisionTimeout) return;
    session.decision.reset();
    return close(socket, session, {ErrorCode::kTimedOut, "nobody said whether it may publish"});
  }
  session.decision.reset();
  if (!reply->has_value()) return close(socket, session, reply->error());
  session.publisher =
      std::make_shared<SrtPublisher>(reply->value(), session.remote_address, metrics_);
  session.statistics = std::make_unique<SrtStatistics>(session.publisher->channel(), metrics_);
  session.publisher->start();
  session.heard_at = now;
  connections_.add(1);
  srt_epoll_add_usock(epoll_, socket, &kReadable);
}

bool SrtListener::read(SRTSOCKET socket, Session& session) {
  std::array<std::uint8_t, kMaxMessageBytes> message;
  const TimePoint now = clock_.steady_now();
  for (int i = 0; i < kMessagesAtOnce; ++i) {
    const int size = srt_recvmsg(socket, reinterpret_cast<char*>(message.data()),
                                 static_cast<int>(message.size()));
    if (size == SRT_ERROR) {
      if (srt_getlasterror(nullptr) == SRT_EASYNCRCV) break;
      session.publisher->flush();
      close(socket, session, {ErrorCode::kClosed, srt_getlasterror_str()});
      return false;
    }
    session.heard_at = now;
    if (!session.publisher->receive(std::span(message).first(static_cast<std::size_t>(size)),
                                    now)) {
      metrics_.count_error("srt", ErrorCode::kLimitExceeded);
      close(socket, session, {ErrorCode::kLimitExceeded, "the channel's loop does not keep up"});
      return false;
    }
  }
  session.publisher->flush();
  return true;
}

void SrtListener::close(SRTSOCKET socket, Session& session, const Error& why) {
  srt_epoll_remove_usock(epoll_, socket);
  if (session.publisher) {
    session.statistics->sample(socket);
    session.statistics->clear();
    session.publisher->lost(why);
    connections_.add(-1);
  } else {
    log::warning("ingest", "SRT connection closed remote={} reason=\"{}\"", session.remote_address,
                 why.message);
  }
  srt_close(socket);
  const MutexLock lock(mutex_);
  --count_;
  if (--by_host_[session.host] == 0) by_host_.erase(session.host);
}

void SrtListener::sweep() {
  const TimePoint now = clock_.steady_now();
  for (auto entry = sessions_.begin(); entry != sessions_.end();) {
    auto& [socket, session] = *entry;
    if (session.decision) admit(socket, session);
    bool is_over = !session.decision && !session.publisher;
    if (session.publisher && session.publisher->wants_close()) {
      close(socket, session, {ErrorCode::kClosed, "cut off by the server"});
      is_over = true;
    } else if (session.publisher && now - session.heard_at > options_.idle_timeout) {
      metrics_.count_error("srt", ErrorCode::kTimedOut);
      close(socket, session, {ErrorCode::kTimedOut, "it is connected and sends nothing"});
      is_over = true;
    }
    if (is_over) {
      entry = sessions_.erase(entry);
      continue;
    }
    if (session.publisher && now - session.since >= kSample) {
      session.since = now;
      session.statistics->sample(socket);
    }
    ++entry;
  }
  const MutexLock lock(mutex_);
  // Handshakes that failed behind the hook (a wrong passphrase) or were never finished.
  std::erase_if(pending_, [&](const auto& entry) {
    if (now - entry.second.since <= kDecisionTimeout) return false;
    --count_;
    if (--by_host_[entry.second.host] == 0) by_host_.erase(entry.second.host);
    return true;
  });
}

}  // namespace millrace::ingest
