#pragma once
// One channel's encoded rungs, made by a worker process (`millrace-transcoder`) that is fed and
// drained over a socket pair: a decoder that crashes takes down this ladder for a GOP and nothing
// else.
//
// Thread: every call on the channel's loop; rungs' packets are pushed there too.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "media/encoded_packet.h"
#include "media/sink.h"
#include "net/event_loop.h"

namespace millrace::transcode {

/// A line of a ladder template.
struct RungTemplate {
  std::string name;
  bool passthrough = false;
  int height = 0;  ///< Of the landscape picture: the shorter side of a portrait one.
  std::int64_t bits_per_second = 0;
};

enum class Profile { kRealtime, kBalanced };

/// A rung for a given source: even sizes, aspect ratio kept.
struct Rung {
  std::string name;
  int width = 0;
  int height = 0;
  std::int64_t bits_per_second = 0;
  friend bool operator==(const Rung&, const Rung&) = default;
};

/// The encoded rungs of a template for this source, largest first: never upscaled, none of the
/// source's own size where the source is passed through.
std::vector<Rung> plan_ladder(const std::vector<RungTemplate>& ladder, const TrackInfo& source);

struct Options {
  std::string channel;      ///< For metrics and the log.
  std::string worker_path;  ///< The millrace-transcoder binary.
  Profile profile = Profile::kBalanced;
  std::vector<Rung> rungs;
  /// Of the channel, in media time (the latency budget): profiles with more delay than this fall
  /// back to kRealtime.
  MediaTime part_target{};
};

/// The source's video goes in (push), rung i's packets come out at outputs[i]: opens_segment and
/// starts_discontinuity are the source's, on pictures of the same pts. Killing the worker
/// interrupts outputs up to the next key frame; the first packet behind it has follows_gap.
/// push() never blocks: when the worker lags by 1 s or 8 MB, packets are dropped up to the next key
/// frame (millrace_transcode_dropped_total). A new source track restarts the decoder in order.
/// outputs and references outlive the ladder. finish() drains: the outputs get finish() when all is
/// out, on the loop.
Result<std::unique_ptr<Sink<EncodedPacket>>> create(Options options,
                                                    std::vector<Sink<EncodedPacket>*> outputs,
                                                    net::EventLoop& loop, Metrics& metrics);

/// `main` of the worker process: serves one ladder on the socket `descriptor` until it closes.
/// Returns the exit code.
int run_worker(int descriptor);

}  // namespace millrace::transcode
