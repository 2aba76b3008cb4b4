#include "transcode/remote_hosts.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "net/tls_context.h"
#include "transcode/transcode.h"

namespace millrace::transcode {
namespace {

constexpr std::chrono::milliseconds kFirstPause(5'000), kLongestPause(60'000);

}  // namespace

RemoteHosts::RemoteHosts(const std::vector<std::string>& addresses, Connect connect,
                         Metrics& metrics, const Clock& clock)
    : connect_(std::move(connect)), clock_(clock), addresses_(addresses) {
  for (const auto& address : addresses)
    hosts_.push_back(
        {.workers_gauge = metrics.gauge("millrace_transcode_remote_workers",
                                        "Workers on another machine.", {{"host", address}}),
         .failures = metrics.counter("millrace_transcode_remote_failures_total",
                                     "Times that a machine gave no worker, or its worker ended.",
                                     {{"host", address}}),
         .next_pause = kFirstPause});
}

std::optional<std::size_t> RemoteHosts::best() const {
  const auto now = clock_.steady_now();
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    if (now >= hosts_[i].left_out_until && (!best || hosts_[i].workers < hosts_[*best].workers))
      best = i;
  return best;
}

bool RemoteHosts::has_host() const {
  const MutexLock lock(mutex_);
  return best().has_value();
}

std::unique_ptr<RemoteHosts::Place> RemoteHosts::take() {
  const MutexLock lock(mutex_);
  const auto host = best();
  if (!host) return nullptr;
  hosts_[*host].workers_gauge.set(static_cast<double>(++hosts_[*host].workers));
  return std::make_unique<Place>(*this, *host);
}

void RemoteHosts::give_back(std::size_t host) {
  const MutexLock lock(mutex_);
  hosts_[host].workers_gauge.set(static_cast<double>(--hosts_[host].workers));
}

void RemoteHosts::succeeded(std::size_t host) {
  const MutexLock lock(mutex_);
  hosts_[host].next_pause = kFirstPause;
}

void RemoteHosts::failed(std::size_t host, std::string_view why) {
  std::chrono::milliseconds pause;
  {
    const MutexLock lock(mutex_);
    Host& left_out = hosts_[host];
    left_out.failures.increment();
    // What several workers tell of one end counts once.
    const auto now = clock_.steady_now();
    if (now < left_out.left_out_until) return;
    pause = left_out.next_pause;
    left_out.left_out_until = now + pause;
    left_out.next_pause = std::min(pause * 2, kLongestPause);
  }
  log::warning("transcode", "host is left out host={} why=\"{}\" for={:.0f}s", addresses_[host],
               why, std::chrono::duration<double>(pause).count());
}

RemoteHosts::Place::Place(RemoteHosts& hosts, std::size_t host) : hosts_(hosts), host_(host) {}

RemoteHosts::Place::~Place() {
  hosts_.give_back(host_);
}

const std::string& RemoteHosts::Place::address() const {
  return hosts_.addresses_[host_];
}

std::unique_ptr<net::TlsConnection> RemoteHosts::Place::connect(
    net::EventLoop& loop, net::TlsConnectionEvents events) const {
  return hosts_.connect_(address(), loop, std::move(events));
}

void RemoteHosts::Place::succeeded() {
  hosts_.succeeded(host_);
}

void RemoteHosts::Place::failed(std::string_view why) {
  hosts_.failed(host_, why);
}

Result<std::shared_ptr<RemoteHosts>> create_remote_hosts(const RemoteOptions& options,
                                                         Metrics& metrics, const Clock& clock) {
  ASSIGN_OR_RETURN(std::shared_ptr<net::TlsContext> tls,
                   net::create_tls_context({.certificate_file = options.certificate_file,
                                            .key_file = options.key_file,
                                            .ca_file = options.ca_file,
                                            .is_client = true,
                                            .key_prefix = "transcode.remote_",
                                            .labels = {{"certificate", "transcode.remote"}}},
                                           metrics));
  return std::make_shared<RemoteHosts>(
      options.hosts,
      [tls](const std::string& address, net::EventLoop& loop, net::TlsConnectionEvents events) {
        return net::connect_tls(*tls, address, loop, std::move(events));
      },
      metrics, clock);
}

}  // namespace millrace::transcode
