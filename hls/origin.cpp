#include "hls/origin.h"

#include <algorithm>
#include <iterator>
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
    // Too old, or of a channel that is kept no longer: removed when the store was opened.
    if (std::ranges::all_of(
            one.places, [](const auto& place) { return place->state() == DvrPlace::State::kLost; }))
      continue;
    auto& its_channel = by_channel[one.channel];
    its_channel.push_back(std::move(one));
  }
  for (const auto& [name, its_found] : by_channel) {
    auto channel = std::make_shared<ChannelOutput>(name, context_, its_found);
    const MutexLock lock(mutex_);
    channels_[name] = kept_[name] = std::move(channel);
  }
}

std::shared_ptr<Channel> ChannelOrigin::add_channel(const std::string& name,
                                                    std::uint64_t first_discontinuity_sequence) {
  auto channel = take_kept(name);
  if (!channel) channel = std::make_shared<ChannelOutput>(name, context_);
  channel->begin(first_discontinuity_sequence);
  ParkedRequests arrived;
  {
    const MutexLock lock(mutex_);
    channels_[name] = channel;
    if (auto here = arrivals_.extract(name)) arrived = std::move(here.mapped());
  }
  auto requests = arrived.take_all();
  context_.count_let_go(requests.size());
  for (ParkedRequest& request : requests) {
    net::EventLoop& loop = request.exchange->loop();
    loop.post([this, request = std::move(request)] { handle(request.exchange, request.since); });
  }
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
  handle(exchange, context_.clock.steady_now());
}

void ChannelOrigin::handle(const std::shared_ptr<net::HttpExchange>& exchange, TimePoint came_at) {
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
  if (const auto channel = find(path->channel)) return channel->answer(exchange, *path, came_at);
  handle_missing(exchange, *path, came_at);
}

void ChannelOrigin::handle_missing(const std::shared_ptr<net::HttpExchange>& exchange,
                                   const MediaPath& path, TimePoint came_at) {
  if (!is_live_playlist(path.object) || !context_.is_expected(path.channel))
    return exchange->respond(
        error_response(path.object, 404, "no such channel", context_.options.cache.error));
  const std::string name(path.channel);
  std::shared_ptr<ChannelOutput> came_meanwhile;
  std::optional<ParkedRequests::Key> waits;
  {
    const MutexLock lock(mutex_);
    if (const auto found = channels_.find(name); found != channels_.end())
      came_meanwhile = found->second;
    else if (!is_interrupted_ && context_.make_room())
      waits = arrivals_[name].add({}, {.exchange = exchange, .since = came_at});
  }
  if (came_meanwhile) return came_meanwhile->answer(exchange, path, came_at);
  if (waits) return exchange->on_abort([this, name, key = *waits] { abort(name, key); });
  exchange->respond(
      error_response(path.object, 503, "no room to wait", context_.options.cache.error));
}

void ChannelOrigin::abort(const std::string& name, const ParkedRequests::Key& key) {
  const MutexLock lock(mutex_);
  const auto place = arrivals_.find(name);
  if (place != arrivals_.end() && place->second.remove(key)) context_.count_let_go(1);
}

void ChannelOrigin::interrupt() {
  std::vector<std::shared_ptr<ChannelOutput>> channels;
  std::vector<ParkedRequest> arrived;
  {
    const MutexLock lock(mutex_);
    is_interrupted_ = true;
    for (const auto& [name, channel] : channels_) channels.push_back(channel);
    for (auto& [name, place] : arrivals_)
      std::ranges::move(place.take_all(), std::back_inserter(arrived));
  }
  for (const auto& channel : channels) channel->interrupt();
  decline(std::move(arrived), "the server stops");
}

/// Each on its connection's loop.
void ChannelOrigin::decline(std::vector<ParkedRequest> requests, std::string_view why) {
  context_.count_let_go(requests.size());
  for (ParkedRequest& request : requests) {
    net::EventLoop& loop = request.exchange->loop();
    loop.post([this, why, request = std::move(request)] {
      request.exchange->respond(
          error_response(MediaObject::kPlaylist, 503, why, context_.options.cache.error));
    });
  }
}

void ChannelOrigin::tick() {
  std::vector<std::shared_ptr<ChannelOutput>> channels;
  std::vector<ParkedRequest> late;
  {
    const MutexLock lock(mutex_);
    for (auto& [name, place] : arrivals_)
      std::ranges::move(place.take_since(context_.clock.steady_now() - kBeginningPatience),
                        std::back_inserter(late));
    channels.reserve(channels_.size());
    for (const auto& [name, channel] : channels_) channels.push_back(channel);
  }
  for (const auto& channel : channels) channel->tick();
  decline(std::move(late), "the channel is not back yet");
  context_.ts_cache.tick();
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
