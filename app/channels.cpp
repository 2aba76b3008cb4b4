#include "app/channels.h"

#include <fmt/format.h>

#include <future>

#include "base/log.h"

namespace millrace::app {

using namespace std::chrono_literals;

Channels::Channels(const ChannelContext& context, net::EventLoopGroup& loops,
                   ingest::Authority& authority)
    : context_(context), loops_(loops), authority_(authority) {
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
  authority_.authorize(request, [this, reply = std::move(reply)](Result<ingest::Grant> grant) {
    if (!grant.has_value()) return reply(std::move(grant).error());
    reply(admission(grant.value()));
  });
}

Result<ingest::Admission> Channels::admission(const ingest::Grant& grant) {
  ASSIGN_OR_RETURN(Channel* const target, find_or_create(grant.channel));
  if (!grant.ladder.empty() && !context_.config.ladder.contains(grant.ladder))
    log::warning("app", "the grant's ladder is not in the configuration channel={} ladder={}",
                 grant.channel, grant.ladder);
  const auto configured = context_.config.channels.find(grant.channel);
  const bool has_own = !grant.srt.passphrase.empty();
  const auto encryption = has_own                                        ? grant.srt
                          : configured != context_.config.channels.end() ? configured->second.srt
                                                                         : ingest::SrtEncryption{};
  const auto admitted_at = context_.clock.steady_now();
  auto attach = [target, grant, admitted_at, &metrics = context_.metrics](
                    ingest::Publisher& publisher) -> Result<std::unique_ptr<ingest::Feed>> {
    RETURN_IF_ERROR(target->check_takeover());
    return ingest::limit_feed(target->attach(publisher, grant.ladder), publisher, grant,
                              admitted_at, metrics);
  };
  return ingest::Admission{.channel = grant.channel,
                           .loop = &target->loop(),
                           .attach = std::move(attach),
                           .srt = encryption};
}

Channel* Channels::find(const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto found = channels_.find(name);
  return found == channels_.end() ? nullptr : found->second.get();
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
