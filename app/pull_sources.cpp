#include "app/pull_sources.h"

#include <future>
#include <utility>

#include "base/log.h"

namespace millrace::app {
namespace {

using namespace std::chrono_literals;

// A pipeline comes to rest in some milliseconds; one that hangs must not be waited for in silence.
constexpr auto kLongStop = 5s;

class Target final : public ingest::PullTarget {
 public:
  explicit Target(Channel& channel) : channel_(channel) {}
  bool is_taken() const override { return channel_.status().state == ChannelStatus::State::kLive; }
  std::unique_ptr<ingest::Feed> attach(ingest::Publisher& publisher) override {
    return channel_.attach(publisher);
  }

 private:
  Channel& channel_;
};

}  // namespace

struct PullSources::Entry {
  explicit Entry(Channel& owner) : channel(owner), target(owner) {}
  Channel& channel;
  Target target;
  std::unique_ptr<ingest::PullSources> sources;
};

PullSources::PullSources(const Config& config, Channels& channels, Metrics& metrics,
                         const Clock& clock)
    : config_(config),
      channels_(channels),
      metrics_(metrics),
      clock_(clock),
      callers_(metrics, clock) {}

PullSources::~PullSources() = default;

void PullSources::start() {
  for (const auto& [name, channel] : config_.channels) {
    if (channel.sources.empty()) continue;
    if (const Status status = start(name, channel.sources); !status.has_value()) {
      metrics_.count_error("app", status.error().code);
      log::error("app", "no pull sources channel={} error={}", name, status.error().message);
    }
  }
}

Status PullSources::start(const std::string& channel, std::vector<std::string> urls) {
  stop(channel);
  ASSIGN_OR_RETURN(Channel* const target, channels_.find_or_create(channel));
  auto entry = std::make_unique<Entry>(*target);
  ASSIGN_OR_RETURN(entry->sources,
                   ingest::create_pull_sources(
                       {.channel = channel, .urls = std::move(urls), .timing = config_.pull},
                       target->loop(), entry->target, callers_, metrics_, clock_));
  entries_.emplace(channel, std::move(entry));
  return ok();
}

void PullSources::stop(const std::string& channel) {
  const auto found = entries_.find(channel);
  if (found == entries_.end()) return;
  auto entry = std::move(found->second);
  entries_.erase(found);
  std::promise<void> stopped;
  auto is_stopped = stopped.get_future();
  entry->channel.loop().post([&entry, &stopped] {
    entry->sources->stop([&entry, &stopped] {
      // Its tasks and timers end on the loop; not inside a call of its own.
      entry->channel.loop().post([&entry, &stopped] {
        entry->sources.reset();
        stopped.set_value();
      });
    });
  });
  if (is_stopped.wait_for(kLongStop) != std::future_status::ready)
    log::error("app", "pull sources take long to stop channel={}", channel);
  is_stopped.wait();
}

void PullSources::stop() {
  while (!entries_.empty()) stop(entries_.begin()->first);
}

}  // namespace millrace::app
