#include "app/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>
#include <thread>

#include "app/channels.h"
#include "app/crash_reports.h"
#include "app/hardware.h"
#include "app/options.h"
#include "app/periodic_thread.h"
#include "app/playback_options.h"
#include "app/pull_sources.h"
#include "app/routes.h"
#include "app/state_store.h"
#include "app/version.h"
#include "base/log.h"
#include "net/http_client.h"

namespace millrace::app {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDemoChannel = "demo";
constexpr const char* kDemoSource = "test://";
// A client that does not take its last answer is not waited for.
constexpr auto kDrain = 2s;
constexpr auto kDrainStep = 10ms;

// Viewers are descriptors; the soft limit of 1024 is for programs that use select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log::warning("app", "the limit of open files stays as it is: viewers may be refused");
}

/// "0.0.0.0:8080" as a person on this machine would type it.
std::string reachable(const std::string& address) {
  const auto colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  if (host == "0.0.0.0" || host == "[::]") return "127.0.0.1" + address.substr(colon);
  return address;
}

struct Listeners {
  std::unique_ptr<net::HttpServer> viewers;
  std::unique_ptr<net::HttpServer> operators;  ///< Null where api.listen is empty.
  std::unique_ptr<ingest::Listener> rtmp;      ///< Null where rtmp.listen is empty.
  std::unique_ptr<ingest::Listener> rtmps;     ///< Null without a certificate.
  std::unique_ptr<ingest::Listener> srt;       ///< Null where srt.listen is empty.
};

/// Null where none is configured.
Result<std::unique_ptr<net::TlsContext>> load_certificate(const TlsConfig& tls, Metrics& metrics) {
  if (tls.certificate.empty()) return std::unique_ptr<net::TlsContext>();
  return net::create_tls_context({.certificate_file = tls.certificate, .key_file = tls.key},
                                 metrics);
}

/// Null where none are configured.
Result<std::shared_ptr<transcode::RemoteHosts>> create_remote_hosts(
    const TranscodeConfig& transcode, Metrics& metrics, const Clock& clock) {
  if (transcode.remote.empty()) return std::shared_ptr<transcode::RemoteHosts>();
  return transcode::create_remote_hosts({.hosts = transcode.remote,
                                         .certificate_file = transcode.remote_certificate,
                                         .key_file = transcode.remote_key,
                                         .ca_file = transcode.remote_ca},
                                        metrics, clock);
}

/// What asks and tells the operator's HTTP servers; null where none is configured.
struct Webhooks {
  std::unique_ptr<ingest::Authority> authority;
  std::unique_ptr<net::HttpClient> client;  ///< Ends first, and answers what is outstanding.

  void stop() const {
    if (client) client->stop();
  }
};

Result<Webhooks> create_webhooks(const Config& config, Metrics& metrics, const Clock& clock) {
  Webhooks webhooks;
  if (config.auth.webhook.url.empty() && config.events.url.empty()) return webhooks;
  ASSIGN_OR_RETURN(
      webhooks.client,
      net::create_http_client({.user_agent = fmt::format("millrace/{}", kVersion)}, metrics));
  if (!config.auth.webhook.url.empty())
    webhooks.authority = ingest::create_webhook_authority(config.webhook_options(),
                                                          *webhooks.client, metrics, clock);
  return webhooks;
}

Result<Listeners> listen(const Config& config, net::TlsContext* tls, const RouteContext& routes,
                         net::EventLoopGroup& loops, Channels& channels, Metrics& metrics,
                         const Clock& clock) {
  Listeners listeners;
  net::HttpServerOptions viewers = config.http.server;
  viewers.tls = tls;
  ASSIGN_OR_RETURN(listeners.viewers, net::create_http_server(std::move(viewers), loops, metrics,
                                                              public_routes(routes)));
  if (!config.api.listen.empty()) {
    ASSIGN_OR_RETURN(listeners.operators,
                     net::create_http_server(config.api, loops, metrics, operator_routes(routes)));
  }
  if (!config.rtmp.listen.empty()) {
    ASSIGN_OR_RETURN(listeners.rtmp,
                     ingest::create_rtmp_listener(config.rtmp, loops, channels, metrics, clock));
  }
  if (tls && !config.rtmp.listen_tls.empty()) {
    ingest::RtmpOptions options = config.rtmp;
    options.tls = tls;
    ASSIGN_OR_RETURN(listeners.rtmps, ingest::create_rtmp_listener(std::move(options), loops,
                                                                   channels, metrics, clock));
  }
  if (!config.srt.listen.empty()) {
    ASSIGN_OR_RETURN(listeners.srt,
                     ingest::create_srt_listener(config.srt, channels, metrics, clock));
  }
  return listeners;
}

void print_addresses(const Config& config, const Listeners& listeners) {
  const std::string page = "http://" + reachable(listeners.viewers->addresses().front());
  fmt::print("Watch:    {}/\n", page);
  if (const auto secure = listeners.viewers->tls_addresses(); !secure.empty())
    fmt::print("          or https://HOST{}/, HOST as the certificate has it\n",
               secure.front().substr(secure.front().rfind(':')));
  if (listeners.rtmp)
    fmt::print(
        "OBS:      server rtmp://{}/live   stream key: a name of your choice, e.g. mychannel\n",
        reachable(listeners.rtmp->addresses().front()));
  if (listeners.rtmps)
    fmt::print("          or rtmps://HOST{}/live, HOST as the certificate has it\n",
               listeners.rtmps->addresses().front().substr(
                   listeners.rtmps->addresses().front().rfind(':')));
  if (config.http.metrics)
    fmt::print("Metrics:  {}/metrics\n", page);
  else if (listeners.operators)
    fmt::print("Metrics:  http://{}/metrics\n",
               reachable(listeners.operators->addresses().front()));
  std::fflush(stdout);
}

/// Until it is over rungs are made on the CPU, or not at all.
std::unique_ptr<transcode::DeviceProbe> start_probe(const std::string& worker_path,
                                                    net::EventLoop& loop,
                                                    transcode::Devices& devices) {
  auto probe = transcode::probe_devices(worker_path, loop, [&devices](auto found) {
    if (!found.has_value()) return log::error("app", "{}", found.error().message);
    log::info("app", "devices: {}", describe(found.value()));
    devices.set_found(std::move(found).value());
  });
  if (probe.has_value()) return std::move(probe).value();
  log::error("app", "{}", probe.error().message);
  return nullptr;
}

/// Viewers get the answers that are on their way.
void drain(net::HttpServer& server) {
  server.stop_accepting();
  const auto deadline = std::chrono::steady_clock::now() + kDrain;
  while (server.connections() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(kDrainStep);
}

/// One that asks for an end. SIGHUP does from a terminal that was closed; a service manager means
/// that files changed, which are looked at anyway.
int wait_for_end(const sigset_t& signals, bool has_terminal) {
  int signal = 0;
  do {
    sigwait(&signals, &signal);
  } while (signal == SIGHUP && !has_terminal);
  return signal;
}

}  // namespace

int run_server(const Config& config, const ServerOptions& options) {
  const bool has_terminal = isatty(STDIN_FILENO) == 1;  // It is none any more once it hangs up.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // Before the first thread, which inherits it.
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();

  const SystemClock clock;
  Metrics metrics;
  metrics.gauge("millrace_build_info", "The running version.", {{"version", std::string(kVersion)}})
      .set(1);
  auto state = StateStore::open(config.hls.state_file, metrics);
  if (!state.has_value()) {
    log::error("app", "{}", state.error().message);
    return kExitFailure;
  }
  const auto webhooks = create_webhooks(config, metrics, clock);
  if (!webhooks.has_value()) {
    log::error("app", "{}", webhooks.error().message);
    return kExitFailure;
  }
  auto keys = ingest::create_key_authority(config.key_options(), webhooks.value().authority.get(),
                                           metrics, clock);
  if (!keys.has_value()) {
    log::error("app", "{}", keys.error().message);
    return kExitFailure;
  }
  const auto tls = load_certificate(config.tls, metrics);
  if (!tls.has_value()) {
    log::error("app", "{}", tls.error().message);
    return kExitFailure;
  }
  const auto remote_hosts = create_remote_hosts(config.transcode, metrics, clock);
  if (!remote_hosts.has_value()) {
    log::error("app", "{}", remote_hosts.error().message);
    return kExitFailure;
  }
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  net::EventLoopGroup loops(config.limits.event_loops > 0 ? config.limits.event_loops : cores);
  hls::Options origin_options = config.hls.origin;
  // Unique for each start: milliseconds since the epoch, in base 16.
  origin_options.start_id = fmt::format("{:x}", clock.wall_now() / 1ms);
  auto playback = load_playback_options(config);
  if (!playback.has_value()) {
    log::error("app", "playback: {}", playback.error().message);
    return kExitFailure;
  }
  origin_options.playback = std::move(playback).value();
  origin_options.ts = config.ts_options();
  if (const auto dvr_options = config.dvr_options(); dvr_options.is_on()) {
    auto dvr = hls::open_dvr(dvr_options, metrics, clock);
    if (!dvr.has_value()) {
      log::error("app", "{}", dvr.error().message);
      return kExitFailure;
    }
    origin_options.dvr = std::move(dvr).value();
  }
  for (const auto& [name, channel] : config.channels) origin_options.expected.insert(name);
  for (const std::string& name : state.value()->names()) origin_options.expected.insert(name);
  origin_options.expected_for = std::chrono::ceil<std::chrono::seconds>(config.limits.grace);
  const auto origin = hls::create_origin(std::move(origin_options), loops, metrics, clock);
  const auto capacity =
      transcode::create_capacity({.limit = config.transcode.max_load / 100.0}, metrics);
  const auto devices = transcode::create_devices(config.transcode.devices, metrics, clock);
  const WorkerPaths workers = worker_paths(config.transcode, options.executable_folder);
  std::optional<CrashReports> crash_reports;
  if (!config.transcode.crash_reports.empty())
    crash_reports.emplace(config.transcode.crash_reports, metrics, clock);
  std::atomic<std::size_t> worker_turn = 0;
  const ChannelContext context{
      .config = config,
      .clock = clock,
      .metrics = metrics,
      .state = *state.value(),
      .origin = *origin,
      .capacity = *capacity,
      .devices = *devices,
      .on_worker_crash =
          crash_reports ? [&reports = *crash_reports](auto crash) { reports.add(std::move(crash)); }
                        : std::function<void(transcode::WorkerCrash)>(),
      .worker_path = workers.cpu,
      .device_worker_path = workers.device,
      .remote_hosts = remote_hosts.value().get(),
      .events_client = config.events.url.empty() ? nullptr : webhooks.value().client.get(),
      .worker_turn = &worker_turn};
  Channels channels(context, loops, *keys.value());
  std::atomic<bool> is_ready = false;
  const RouteContext routes{config,    clock,    metrics,  *origin,
                            *capacity, *devices, channels, is_ready};
  auto listeners = listen(config, tls.value().get(), routes, loops, channels, metrics, clock);
  if (!listeners.has_value()) {
    webhooks.value().stop();
    log::error("app", "{}", listeners.error().message);
    return kExitFailure;
  }
  std::unique_ptr<transcode::DeviceProbe> probe;  // Of the first loop.
  if (config.transcode.devices != transcode::DevicePolicy::kCpu)
    loops.loop(0).post([&] { probe = start_probe(workers.device, loops.loop(0), *devices); });
  loops.start();
  channels.start();
  // An answer's delay is as exact as this, and so is a changed key file's.
  std::optional<PeriodicThread> key_maintenance(std::in_place, 100ms,
                                                [&] { keys.value()->maintain(); });
  std::optional<PeriodicThread> capacity_meter(std::in_place, 1s, [&] { capacity->measure(); });
  if (config.auth.open)
    log::warning("app", "OPEN MODE: whoever reaches the RTMP or SRT port may publish any channel");
  PullSources pull_sources(config, channels, metrics, clock);
  pull_sources.start();
  if (options.is_demo)
    if (const Status status = pull_sources.start(kDemoChannel, {kDemoSource}); !status.has_value())
      log::error("app", "no demo channel error={}", status.error().message);
  is_ready = true;
  log::info("app", "serving version={} loops={}", kVersion, loops.size());
  if (options.is_demo) print_addresses(config, listeners.value());

  const int signal = wait_for_end(signals, has_terminal);
  log::info("app", "stopping signal={}", signal);
  // In flow order: sources, channels, viewers, threads.
  is_ready = false;
  if (listeners.value().rtmp) listeners.value().rtmp->stop();
  if (listeners.value().rtmps) listeners.value().rtmps->stop();
  if (listeners.value().srt) listeners.value().srt->stop();
  key_maintenance.reset();
  capacity_meter.reset();
  keys.value()->stop();
  webhooks.value().stop();
  pull_sources.stop();
  channels.close_all();
  origin->interrupt();
  if (listeners.value().operators) listeners.value().operators->stop_accepting();
  drain(*listeners.value().viewers);
  loops.stop_and_join();
  log::info("app", "stopped");
  return kExitOk;
}

}  // namespace millrace::app
