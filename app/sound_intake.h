#pragma once
// A source's sound on its way to the timeline: AAC, and what the options would make, as it is,
// other codecs by a worker that converts them, one for each track.
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

  /// Without a worker's path nothing is converted. References outlive it.
  SoundIntake(transcode::AudioOptions options, net::EventLoop& loop, Metrics& metrics,
              Output output);
  ~SoundIntake();

  /// An error is the output's. What cannot be converted is left out, and told once.
  Status push(ingest::SourcePacket packet);
  /// The source has gone: nothing of it comes any more.
  void reset();

 private:
  class Converter;

  bool is_passed(const ingest::SourcePacket& packet) const;
  Converter* find_or_create(const TrackInfo& track);

  const transcode::AudioOptions options_;
  net::EventLoop& loop_;
  Metrics& metrics_;
  const Output output_;
  std::map<int, std::unique_ptr<Converter>> converters_;  ///< By the track's index.
  bool has_told_ = false;
};

}  // namespace millrace::app
