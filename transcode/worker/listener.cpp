#include "transcode/worker/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"
#include "net/tcp_options.h"
#include "net/tls_context.h"
#include "net/tls_relay.h"
#include "transcode/machine_cpu.h"
#include "transcode/worker/protocol.h"
#include "transcode/worker/worker.h"
#include "transcode/worker/worker_slots.h"

namespace millrace::transcode::worker {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kHandshake(5), kGoodbye(1);
// Strangers and servers that are about to be refused, beside the workers.
constexpr std::size_t kMostShaking = 16;
// For what a worker has written when it ends.
constexpr unsigned kFlushSeconds = 10;
constexpr int kNoWorker = 2;

/// Servers choose among their own.
Result<std::unique_ptr<Device>> no_device(std::string_view name) {
  return Error{ErrorCode::kUnsupported, fmt::format("no device {} on another machine", name)};
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(std::exchange(value_, -1));
  }

 private:
  int value_;
};

Error system_error(std::string_view what) {
  return Error{ErrorCode::kSystem, fmt::format("{}: {}", what, std::strerror(errno))};
}

std::string text_of(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  const int failed =
      ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                    port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  if (failed != 0) return "unknown";
  const bool is_ipv6 = address.ss_family == AF_INET6;
  return is_ipv6 ? fmt::format("[{}]:{}", host.data(), port.data())
                 : fmt::format("{}:{}", host.data(), port.data());
}

Result<Descriptor> listen_on(const std::string& address) {
  ASSIGN_OR_RETURN(const auto parsed, net::parse_host_and_port(address));
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(parsed.host.c_str(), parsed.port.c_str(), &hints, &found) != 0)
    return Error{ErrorCode::kInvalidData, fmt::format("--listen: {} is no address", address)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> keeper(found, ::freeaddrinfo);
  Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  // Only a restart within a minute would miss it.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0)
    return system_error("--listen: " + address);
  return socket;
}

/// A descriptor to read them from, which are blocked from now on.
Result<Descriptor> watch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Descriptor watch(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (watch.get() < 0) return system_error("signals");
  return watch;
}

Result<std::array<Descriptor, 2>> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error("no socket pair");
  return std::array<Descriptor, 2>{Descriptor(ends[0]), Descriptor(ends[1])};
}

std::string describe_end(int status) {
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

/// A connection, in its own process.
class Child {
 public:
  Child(Descriptor socket, std::string remote, const ListenOptions& options,
        std::shared_ptr<SSL_CTX> tls, WorkerSlots& slots)
      : socket_(std::move(socket)),
        remote_(std::move(remote)),
        options_(options),
        tls_(std::move(tls), socket_.get()),
        slots_(slots) {}

  /// The exit code.
  int run() {
    auto status = net::set_machine_link_options(socket_.get());
    if (status.has_value()) status = net::shake_hands(tls_, socket_.get(), kHandshake);
    if (!status.has_value()) {
      log::warning("transcode", "server is refused remote={} why=\"{}\"", remote_,
                   status.error().message);
      return kNoWorker;
    }
    if (!slots_.take(::getpid())) return refuse(fmt::format("full: {} workers run", slots_.size()));
    log::info("transcode", "worker begins remote={} server={}", remote_, tls_.peer_name());
    return work();
  }

 private:
  int refuse(const std::string& why) {
    log::warning("transcode", "server is refused remote={} why=\"{}\"", remote_, why);
    auto ends = socket_pair();
    if (!ends.has_value()) return kNoWorker;
    auto& [ours, said] = ends.value();
    const Bytes words = write_failure(why);
    (void)::send(said.get(), words.data(), words.size(),
                 MSG_NOSIGNAL);  // There is room for a line.
    said.close();
    if (net::relay(tls_, socket_.get(), ours.get()).has_value())
      net::say_goodbye(tls_, socket_.get(), kGoodbye);
    return kNoWorker;
  }

  int work() {
    auto ends = socket_pair();
    if (!ends.has_value()) return refuse(ends.error().message);
    // Not structured bindings: a lambda may not have them yet (clang 14).
    Descriptor ours = std::move(ends.value()[0]), workers = std::move(ends.value()[1]);
    Status relayed = ok();
    std::thread relay([&] {
      relayed = net::relay(tls_, socket_.get(), ours.get());
      ours.close();  // With the connection the worker loses its socket.
    });
    const int code =
        run_worker(workers.get(), {.memory = options_.worker_memory, .cores = 0, .turn = 0},
                   no_device, ServerPlace::kOtherMachine);
    ::alarm(kFlushSeconds);
    workers.close();
    relay.join();
    if (relayed.has_value()) net::say_goodbye(tls_, socket_.get(), kGoodbye);
    ::alarm(0);
    return code;
  }

  Descriptor socket_;
  const std::string remote_;
  const ListenOptions& options_;
  net::TlsStream tls_;
  WorkerSlots& slots_;
};

class Listener {
 public:
  Listener(const ListenOptions& options, Descriptor socket, Descriptor signals,
           std::unique_ptr<net::TlsContext> tls, WorkerSlots slots)
      : options_(options),
        socket_(std::move(socket)),
        signals_(std::move(signals)),
        tls_(std::move(tls)),
        slots_(std::move(slots)) {}

  /// The exit code, also of a child.
  int run() {
    for (;;) {
      std::array<pollfd, 2> waiting{pollfd{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                    pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0}};
      ::poll(waiting.data(), waiting.size(), -1);
      if (waiting[0].revents != 0 && take_signals()) return end();
      if (waiting[1].revents == 0) continue;
      if (const auto code = accept()) return *code;
    }
  }

 private:
  struct Known {
    std::string remote;
    steady_clock::time_point began;
  };

  /// Whether one asks for an end.
  bool take_signals() {
    bool is_end = false;
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal))
      is_end |= signal.ssi_signo != SIGCHLD;
    int status = 0;
    for (pid_t child = 0; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) forget(child, status);
    return is_end;
  }

  void forget(pid_t child, int status) {
    const auto known = children_.extract(child);
    if (!slots_.free(child) || known.empty()) return;  // It has said why it was none.
    const std::chrono::duration<double> ran = steady_clock::now() - known.mapped().began;
    log::info("transcode", "worker ended remote={} how=\"{}\" ran={:.1f}s", known.mapped().remote,
              describe_end(status), ran.count());
  }

  /// In a child: its exit code.
  std::optional<int> accept() {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    Descriptor connection(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size,
                                    SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.get() < 0) return {};  // It has gone again.
    const std::string remote = text_of(address, size);
    if (children_.size() >= slots_.size() + kMostShaking) {
      log::warning("transcode", "server is refused remote={} why=\"too many connections\"", remote);
      return {};
    }
    tls_->reload_if_changed();
    const pid_t parent = ::getpid(), child = ::fork();
    if (child == 0) return serve(std::move(connection), remote, parent);
    if (child > 0)
      children_[child] = {remote, steady_clock::now()};
    else
      log::error("transcode", "no process for a server remote={} error={}", remote,
                 std::strerror(errno));
    return {};
  }

  int serve(Descriptor connection, const std::string& remote, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) return kNoWorker;
    socket_.close();
    signals_.close();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    return Child(std::move(connection), remote, options_, tls_->current(), slots_).run();
  }

  /// Servers notice at once, and go on somewhere else.
  int end() {
    log::info("transcode", "stopping workers={}", children_.size());
    socket_.close();
    for (const auto& [child, known] : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    return EXIT_SUCCESS;
  }

  const ListenOptions& options_;
  Descriptor socket_;
  Descriptor signals_;
  std::unique_ptr<net::TlsContext> tls_;
  WorkerSlots slots_;
  std::map<pid_t, Known> children_;
};

Result<Listener> create_listener(const ListenOptions& options, Metrics& metrics) {
  ASSIGN_OR_RETURN(auto tls, net::create_tls_context({.certificate_file = options.certificate_file,
                                                      .key_file = options.key_file,
                                                      .ca_file = options.ca_file,
                                                      .key_prefix = "--",
                                                      .check_interval = {}},
                                                     metrics));
  ASSIGN_OR_RETURN(auto slots, WorkerSlots::create(options.max_workers));
  ASSIGN_OR_RETURN(auto signals, watch_signals());
  ASSIGN_OR_RETURN(auto socket, listen_on(options.address));
  return Listener(options, std::move(socket), std::move(signals), std::move(tls), std::move(slots));
}

Status set_count(std::size_t& member, std::string_view name, std::string_view text,
                 std::size_t least) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, member);
  if (parsed.ec != std::errc{} || parsed.ptr != end || member < least)
    return Error{ErrorCode::kInvalidData,
                 fmt::format("{}: {} is not a number of at least {}", name, text, least)};
  return ok();
}

Status set_option(ListenOptions& options, std::string_view name, std::string_view value) {
  if (name == "--max-workers") return set_count(options.max_workers, name, value, 1);
  if (name == "--worker-memory") return set_count(options.worker_memory, name, value, 0);
  std::string* const member = name == "--listen"        ? &options.address
                              : name == "--certificate" ? &options.certificate_file
                              : name == "--key"         ? &options.key_file
                              : name == "--ca"          ? &options.ca_file
                                                        : nullptr;
  if (member == nullptr)
    return Error{ErrorCode::kInvalidData, fmt::format("there is no option {}", name)};
  *member = value;
  return ok();
}

}  // namespace

Result<ListenOptions> parse_listen_options(std::span<char* const> words) {
  ListenOptions options;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (i + 1 == words.size())
      return Error{ErrorCode::kInvalidData, fmt::format("{} needs a value", words[i])};
    RETURN_IF_ERROR(set_option(options, words[i], words[i + 1]));
  }
  if (options.address.empty() || options.certificate_file.empty() || options.key_file.empty() ||
      options.ca_file.empty())
    return Error{ErrorCode::kInvalidData,
                 "--listen, --certificate, --key and --ca are needed together"};
  return options;
}

int listen(ListenOptions options) {
  if (options.max_workers == 0)
    options.max_workers = static_cast<std::size_t>(std::max(1.0, usable_cores() / 2));
  Metrics metrics;
  auto listener = create_listener(options, metrics);
  if (!listener.has_value()) {
    log::error("transcode", "{}", listener.error().message);
    return EXIT_FAILURE;
  }
  log::info("transcode", "waiting for servers address={} max_workers={}", options.address,
            options.max_workers);
  return listener.value().run();
}

}  // namespace millrace::transcode::worker
