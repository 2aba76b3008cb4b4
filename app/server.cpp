#include "app/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <future>
#include <thread>

#include "app/channels.h"
#include "app/options.h"
#include "app/routes.h"
#include "app/state_store.h"
#include "app/version.h"
#include "base/log.h"

namespace millrace::app {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDemoChannel = "demo";
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
  std::unique_ptr<ingest::Listener> srt;       ///< Null where srt.listen is empty.
};

Result<Listeners> listen(const Config& config, const RouteContext& routes,
                         net::EventLoopGroup& loops, Channels& channels, Metrics& metrics,
                         const Clock& clock) {
  Listeners listeners;
  ASSIGN_OR_RETURN(listeners.viewers, net::create_http_server(config.http.server, loops, metrics,
                                                              public_routes(routes)));
  if (!config.api.listen.empty()) {
    ASSIGN_OR_RETURN(listeners.operators,
                     net::create_http_server(config.api, loops, metrics, operator_routes(routes)));
  }
  if (!config.rtmp.listen.empty()) {
    ASSIGN_OR_RETURN(listeners.rtmp,
                     ingest::create_rtmp_listener(config.rtmp, loops, channels, metrics, clock));
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
  if (listeners.rtmp)
    fmt::print(
        "OBS:      server rtmp://{}/live   stream key: a name of your choice, e.g. mychannel\n",
        reachable(listeners.rtmp->addresses().front()));
  if (config.http.metrics)
    fmt::print("Metrics:  {}/metrics\n", page);
  else if (listeners.operators)
    fmt::print("Metrics:  http://{}/metrics\n",
               reachable(listeners.operators->addresses().front()));
  std::fflush(stdout);
}

Result<std::unique_ptr<ingest::Publisher>> start_demo(Channels& channels, Metrics& metrics) {
  ASSIGN_OR_RETURN(Channel* const channel, channels.find_or_create(kDemoChannel));
  return ingest::create_pull_source(
      ingest::demo_source(), channel->loop(),
      [channel](ingest::Publisher& publisher) -> Result<std::unique_ptr<ingest::Feed>> {
        return channel->attach(publisher);
      },
      metrics);
}

/// The demo's source belongs to its channel's loop: destroyed there.
void stop_demo(std::unique_ptr<ingest::Publisher> demo, net::EventLoop& loop) {
  std::promise<void> stopped;
  std::shared_ptr<ingest::Publisher> source = std::move(demo);
  loop.post([&stopped, source = std::move(source)]() mutable {
    source.reset();
    stopped.set_value();
  });
  stopped.get_future().wait();
}

/// Viewers get the answers that are on their way: the last playlists, with their end.
void drain(net::HttpServer& server) {
  server.stop_accepting();
  const auto deadline = std::chrono::steady_clock::now() + kDrain;
  while (server.connections() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(kDrainStep);
}

int wait_for_signal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

}  // namespace

int run_server(const Config& config, const ServerOptions& options) {
  sigset_t signals;
  sigemptyset(&signals);
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
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  net::EventLoopGroup loops(config.limits.event_loops > 0 ? config.limits.event_loops : cores);
  hls::Options origin_options = config.hls.origin;
  // Unique for each start: milliseconds since the epoch, in base 16.
  origin_options.start_id = fmt::format("{:x}", clock.wall_now() / 1ms);
  const auto origin = hls::create_origin(origin_options, loops, metrics, clock);
  const ChannelContext context{
      .config = config,
      .clock = clock,
      .metrics = metrics,
      .state = *state.value(),
      .origin = *origin,
      .worker_path = config.transcode.worker.empty()
                         ? options.executable_folder + "/millrace-transcoder"
                         : config.transcode.worker};
  Channels channels(context, loops);
  std::atomic<bool> is_ready = false;
  const RouteContext routes{config, clock, metrics, *origin, channels, is_ready};
  auto listeners = listen(config, routes, loops, channels, metrics, clock);
  if (!listeners.has_value()) {
    log::error("app", "{}", listeners.error().message);
    return kExitFailure;
  }
  loops.start();
  channels.start();
  if (config.auth.open)
    log::warning("app", "OPEN MODE: whoever reaches the RTMP or SRT port may publish any channel");
  std::unique_ptr<ingest::Publisher> demo;
  if (options.is_demo) {
    auto started = start_demo(channels, metrics);
    if (started.has_value())
      demo = std::move(started).value();
    else
      log::error("app", "no demo channel error={}", started.error().message);
  }
  is_ready = true;
  log::info("app", "serving version={} loops={}", kVersion, loops.size());
  if (options.is_demo) print_addresses(config, listeners.value());

  const int signal = wait_for_signal(signals);
  log::info("app", "stopping signal={}", signal);
  // In flow order: sources, channels, viewers, threads.
  is_ready = false;
  if (listeners.value().rtmp) listeners.value().rtmp->stop();
  if (listeners.value().srt) listeners.value().srt->stop();
  if (demo) stop_demo(std::move(demo), channels.find_or_create(kDemoChannel).value()->loop());
  channels.close_all();
  if (listeners.value().operators) listeners.value().operators->stop_accepting();
  drain(*listeners.value().viewers);
  loops.stop_and_join();
  log::info("app", "stopped");
  return kExitOk;
}

}  // namespace millrace::app
