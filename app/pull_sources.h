#pragma once
// Every channel's pull sources, and the demo's: made with the channel, taken down before it.
//
// Thread: the one that serves; not a loop, since making them may block.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/channels.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "ingest/ingest.h"
#include "net/srt/caller.h"

namespace millrace::app {

class PullSources {
 public:
  /// All of it outlives this.
  PullSources(const Config& config, Channels& channels, Metrics& metrics, const Clock& clock);
  /// stop() first.
  ~PullSources();

  /// The sources of every configured channel. One that cannot be made is logged; the rest run.
  void start();
  /// Makes the channel where it is missing. kInvalidData: a URL is wrong, or GStreamer lacks an
  /// element; kLimitExceeded: limits.channels. The loops are running.
  Status start(const std::string& channel, std::vector<std::string> urls);
  /// Takes down those of one channel, where it has any; waits for that. The loops are running.
  void stop(const std::string& channel);
  /// The same of all of them.
  void stop();

 private:
  struct Entry;

  const Config& config_;
  Channels& channels_;
  Metrics& metrics_;
  const Clock& clock_;
  net::srt::Callers callers_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
};

}  // namespace millrace::app
