#pragma once
// hls.h's Origin: all channels' outputs by name, and who answers which path.
//
// Thread: any; one short lock for the list of channels.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "hls/channel_output.h"
#include "hls/hls.h"
#include "hls/playback/playback_guard.h"

namespace millrace::hls {

class ChannelOrigin final : public Origin {
 public:
  /// All outlive it; `loops` have stopped when it is destroyed.
  ChannelOrigin(Options options, net::EventLoopGroup& loops, Metrics& metrics, const Clock& clock);

  std::shared_ptr<Channel> add_channel(const std::string& name,
                                       std::uint64_t first_discontinuity_sequence) override;
  void handle(std::shared_ptr<net::HttpExchange> exchange) override;
  void interrupt() override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  std::shared_ptr<ChannelOutput> find(std::string_view name);
  void handle(const std::shared_ptr<net::HttpExchange>& exchange, TimePoint came_at);
  /// Answers, or lets wait, who asks for a channel that is not there.
  void handle_missing(const std::shared_ptr<net::HttpExchange>& exchange, const MediaPath& path,
                      TimePoint came_at);
  void abort(const std::string& name, const ParkedRequests::Key& key);
  void decline(std::vector<ParkedRequest> requests, std::string_view why);
  void load(std::vector<DvrFound> found);
  std::shared_ptr<ChannelOutput> take_kept(const std::string& name);
  void tick();

  OriginContext context_;
  PlaybackGuard guard_;
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<ChannelOutput>, std::less<>> channels_ GUARDED_BY(mutex_);
  /// Of those the ones that no publisher has had in this start.
  std::map<std::string, std::shared_ptr<ChannelOutput>> kept_ GUARDED_BY(mutex_);
  /// Who waits for a playlist of a channel that is expected, by its name.
  std::map<std::string, ParkedRequests, std::less<>> arrivals_ GUARDED_BY(mutex_);
  bool is_interrupted_ GUARDED_BY(mutex_) = false;
  net::Timer timer_;
};

}  // namespace millrace::hls
