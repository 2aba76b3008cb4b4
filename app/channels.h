#pragma once
// All channels, and who may publish to them.
//
// Thread: any, but for what says otherwise. Channels live until the server ends.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/channel.h"
#include "base/mutex.h"
#include "ingest/ingest.h"
#include "net/event_loop.h"

namespace millrace::app {

class Channels final : public ingest::Gate {
 public:
  /// Everything outlives it; `loops` are stopped before it is destroyed, and `authority` gives no
  /// more answers then.
  Channels(const ChannelContext& context, net::EventLoopGroup& loops, ingest::Authority& authority);
  ~Channels() override;

  /// Whom the authority lets in, under the limits that it sets.
  void admit(ingest::PublishRequest request,
             std::function<void(Result<ingest::Admission>)> reply) override;

  /// Makes it where it is missing. kLimitExceeded past limits.channels.
  Result<Channel*> find_or_create(const std::string& name);

  /// Null where there is none of that name.
  Channel* find(const std::string& name) const;
  std::vector<Channel*> all() const;
  /// Starts the ticking of all channels, on their loops.
  void start();
  /// Closes every channel on its loop, and waits for that. The loops are running.
  void close_all();

 private:
  void tick(std::size_t loop_index);
  Result<ingest::Admission> admission(const ingest::Grant& grant);

  const ChannelContext& context_;
  net::EventLoopGroup& loops_;
  ingest::Authority& authority_;
  std::vector<std::unique_ptr<net::Timer>> timers_;  ///< One a loop.
  mutable Mutex mutex_;
  std::map<std::string, std::unique_ptr<Channel>> channels_ GUARDED_BY(mutex_);
};

}  // namespace millrace::app
