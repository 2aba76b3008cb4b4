#include "hls/origin.h"

#include <utility>
#include <vector>

#include "hls/responses.h"

namespace millrace::hls {
namespace {

// How late a request that has waited too long is told so, and old media is let go.
constexpr std::chrono::milliseconds kTick(500);

bool is_playlist(MediaObject object) {
  return object == MediaObject::kMultivariant || object == MediaObject::kPlaylist;
}

}  // namespace

ChannelOrigin::ChannelOrigin(Options options, net::EventLoopGroup& loops, Metrics& metrics,
                             const Clock& clock)
    : context_(std::move(options), metrics, clock),
      guard_(context_.options.playback, metrics, clock),
      timer_(loops.loop(0)) {
  if (context_.options.dvr) load(context_.options.dvr->take_found());
  loops.loop(0).post([this] { tick(); });
}

/// What earlier starts kept is served before there is a publisher.
void ChannelOrigin::load(std::vector<DvrFound> found) {
  std::map<std::string, std::vector<DvrFound>> by_channel;
  for (DvrFound& one : found) {
    auto& its_channel = by_channel[one.channel];
    its_channel.push_back(std::move(one));
  }
  for (const auto& [name, its_found] : by_channel) {
    auto channel = std::make_shared<ChannelOutput>(name, 0, context_, its_found);
    const MutexLock lock(mutex_);
    channels_[name] = kept_[name] = std::move(channel);
  }
}

std::shared_ptr<Channel> ChannelOrigin::add_channel(const std::string& name,
                                                    std::uint64_t first_discontinuity_sequence) {
  if (auto kept = take_kept(name)) {
    kept->begin(first_discontinuity_sequence);
    return kept;
  }
  auto channel = std::make_shared<ChannelOutput>(name, first_discontinuity_sequence, context_);
  const MutexLock lock(mutex_);
  channels_[name] = channel;
  return channel;
}

std::shared_ptr<ChannelOutput> ChannelOrigin::take_kept(const std::string& name) {
  const MutexLock lock(mutex_);
  const auto kept = kept_.extract(name);
  return kept ? kept.mapped() : nullptr;
}

std::shared_ptr<ChannelOutput> ChannelOrigin::find(std::string_view name) {
  const MutexLock lock(mutex_);
  const auto found = channels_.find(name);
  return found == channels_.end() ? nullptr : found->second;
}

void ChannelOrigin::handle(std::shared_ptr<net::HttpExchange> exchange) {
  const net::HttpRequest& request = exchange->request();
  if (auto response = method_response(request)) return exchange->respond(*std::move(response));
  const PlaybackPath asked = parse_playback_path(request.path, request.query);
  const auto path = parse_media_path(asked.path);
  const auto decline = [&](MediaObject object, int status, std::string_view why) {
    exchange->respond(error_response(object, status, why, context_.options.cache.error));
  };
  if (!path) return decline(MediaObject::kMultivariant, 404, "not found");
  // Before anything is said of the channel, be it that there is none.
  const auto judgement = guard_.judge(asked, path->channel);
  if (!judgement.is_let_in) return decline(path->object, 403, judgement.text);
  // A playlist's URIs are relative, hence inherit a path and lose a query: who comes with the token
  // in the query goes on with it in the path. So a playlist is the same text for all viewers.
  if (asked.is_in_query && is_playlist(path->object) && !guard_.is_open(path->channel))
    return exchange->respond(redirect_response(path->object, path_form_of(asked, request.query)));
  if (const auto channel = find(path->channel)) return channel->answer(exchange, *path);
  decline(path->object, 404, "no such channel");
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

Result<std::shared_ptr<DvrStore>> open_dvr(DvrOptions options, Metrics& metrics,
                                           const Clock& clock) {
  return DvrStore::open(std::move(options), metrics, clock);
}

std::unique_ptr<Origin> create_origin(Options options, net::EventLoopGroup& loops, Metrics& metrics,
                                      const Clock& clock) {
  return std::make_unique<ChannelOrigin>(std::move(options), loops, metrics, clock);
}

}  // namespace millrace::hls
