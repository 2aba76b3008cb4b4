#include "app/channels.h"

#include <fmt/format.h>

#include <future>

namespace millrace::app {

using namespace std::chrono_literals;

Channels::Channels(const ChannelContext& context, net::EventLoopGroup& loops)
    : context_(context), loops_(loops) {
  for (const auto& [name, channel] : context.config.channels)
    for (const auto& key : channel.keys) channel_by_key_.emplace(key, name);
  for (std::size_t i = 0; i < loops.size(); ++i)
    timers_.push_back(std::make_unique<net::Timer>(loops.loop(i)));
}

Channels::~Channels() = default;

Result<Channel*> Channels::find_or_create(const std::string& name) {
  const MutexLock lock(mutex_);
  if (const auto found = channels_.find(name); found != channels_.end()) return found->second.get();
  if (channels_.size() >= context_.config.limits.channels)
    return Error{ErrorCode::kLimitExceeded,
                 fmt::format("limits.channels: there are {} channels already", channels_.size())};
  // Round robin: a channel stays on the loop where it began.
  auto& loop = loops_.loop(channels_.size() % loops_.size());
  auto channel = std::make_unique<Channel>(name, loop, context_);
  return channels_.emplace(name, std::move(channel)).first->second.get();
}

void Channels::admit(ingest::PublishRequest request,
                     std::function<void(Result<ingest::Admission>)> reply) {
  std::string name;
  if (const auto found = channel_by_key_.find(request.key); found != channel_by_key_.end()) {
    name = found->second;
  } else if (context_.config.auth.open && is_channel_name(request.key) &&
             !context_.config.channels.contains(request.key)) {
    name = request.key;  // A configured channel keeps its own keys even in the open mode.
  } else {
    reply(Error{ErrorCode::kDenied, context_.config.auth.open
                                        ? "the key is not a channel name ([a-z0-9][a-z0-9_-]{0,63})"
                                        : "no channel has this key"});
    return;
  }
  auto channel = find_or_create(name);
  if (!channel.has_value()) {
    reply(std::move(channel).error());
    return;
  }
  Channel* const target = channel.value();
  const auto configured = context_.config.channels.find(name);
  const std::string passphrase =
      configured != context_.config.channels.end() ? configured->second.srt_passphrase : "";
  reply(ingest::Admission{
      .channel = name,
      .loop = &target->loop(),
      .attach = [target](ingest::Publisher& publisher) -> Result<std::unique_ptr<ingest::Feed>> {
        return target->attach(publisher);
      },
      .srt_passphrase = passphrase});
}

std::vector<Channel*> Channels::all() const {
  const MutexLock lock(mutex_);
  std::vector<Channel*> channels;
  channels.reserve(channels_.size());
  for (const auto& [name, channel] : channels_) channels.push_back(channel.get());
  return channels;
}

void Channels::start() {
  for (std::size_t i = 0; i < loops_.size(); ++i) loops_.loop(i).post([this, i] { tick(i); });
}

void Channels::tick(std::size_t loop_index) {
  net::EventLoop& loop = loops_.loop(loop_index);
  for (Channel* const channel : all())
    if (&channel->loop() == &loop) channel->tick();
  timers_[loop_index]->start(100ms, [this, loop_index] { tick(loop_index); });
}

void Channels::close_all() {
  std::vector<std::future<void>> closed;
  const auto channels = all();
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    auto done = std::make_shared<std::promise<void>>();
    closed.push_back(done->get_future());
    loops_.loop(i).post([this, i, done, channels] {
      timers_[i]->cancel();
      for (Channel* const channel : channels)
        if (&channel->loop() == &loops_.loop(i)) channel->close();
      done->set_value();
    });
  }
  for (auto& one : closed) one.wait();
}

}  // namespace millrace::app
