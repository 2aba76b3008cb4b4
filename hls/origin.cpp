#include "hls/origin.h"

#include <utility>
#include <vector>

#include "hls/responses.h"

namespace millrace::hls {
namespace {

// How late a request that has waited too long is told so, and old media is let go.
constexpr std::chrono::milliseconds kTick(500);

}  // namespace

ChannelOrigin::ChannelOrigin(Options options, net::EventLoopGroup& loops, Metrics& metrics,
                             const Clock& clock)
    : context_(std::move(options), metrics, clock), timer_(loops.loop(0)) {
  loops.loop(0).post([this] { tick(); });
}

std::shared_ptr<Channel> ChannelOrigin::add_channel(const std::string& name,
                                                    std::uint64_t first_discontinuity_sequence) {
  auto channel = std::make_shared<ChannelOutput>(name, first_discontinuity_sequence, context_);
  const MutexLock lock(mutex_);
  channels_[name] = channel;
  return channel;
}

std::shared_ptr<ChannelOutput> ChannelOrigin::find(std::string_view name) {
  const MutexLock lock(mutex_);
  const auto found = channels_.find(name);
  return found == channels_.end() ? nullptr : found->second;
}

void ChannelOrigin::handle(std::shared_ptr<net::HttpExchange> exchange) {
  const net::HttpRequest& request = exchange->request();
  if (auto response = method_response(request)) return exchange->respond(*std::move(response));
  const auto path = parse_media_path(request.path);
  if (!path) return exchange->respond(error_response(MediaObject::kMultivariant, 404, "not found"));
  if (const auto channel = find(path->channel)) return channel->answer(exchange, *path);
  exchange->respond(error_response(path->object, 404, "no such channel"));
}

void ChannelOrigin::tick() {
  std::vector<std::shared_ptr<ChannelOutput>> channels;
  {
    const MutexLock lock(mutex_);
    channels.reserve(channels_.size());
    for (const auto& [name, channel] : channels_) channels.push_back(channel);
  }
  for (const auto& channel : channels) channel->tick();
  timer_.start(kTick, [this] { tick(); });
}

std::unique_ptr<Origin> create_origin(Options options, net::EventLoopGroup& loops, Metrics& metrics,
                                      const Clock& clock) {
  return std::make_unique<ChannelOrigin>(std::move(options), loops, metrics, clock);
}

}  // namespace millrace::hls
