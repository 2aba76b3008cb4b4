#pragma once
// A source's sound on its way to the timeline: AAC as it is, other codecs by a worker that makes
// AAC of them, one for each track.
//
// Thread: the channel's loop.
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "ingest/ingest.h"
#include "media/sink.h"
#include "net/event_loop.h"
#include "transcode/transcode.h"

namespace millrace::app {

class SoundIntake {
 public:
  using Output = std::function<Status(ingest::SourcePacket)>;

  /// An empty `worker_path`: only AAC is taken. References outlive it.
  SoundIntake(std::string channel, std::string worker_path, net::EventLoop& loop, Metrics& metrics,
              Output output);
  ~SoundIntake();

  /// An error is the output's. What cannot be converted is left out, and told once.
  Status push(ingest::SourcePacket packet);
  /// The source has gone: nothing of it comes any more.
  void reset();

 private:
  class Converter;

  Converter* find_or_create(const TrackInfo& track);

  const std::string channel_;
  const std::string worker_path_;
  net::EventLoop& loop_;
  Metrics& metrics_;
  const Output output_;
  std::map<int, std::unique_ptr<Converter>> converters_;  ///< By the track's index.
  bool has_told_ = false;
};

}  // namespace millrace::app
