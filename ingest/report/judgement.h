#pragma once
// What is wrong with what a publisher sends, in words for a streamer. Pure: figures in, sentences
// out. Any thread.
#include <chrono>
#include <vector>

#include "ingest/ingest.h"
#include "ingest/report/source_figures.h"

namespace millrace::ingest {

/// What a publisher said of itself, and what its connection shows.
struct Circumstances {
  std::string protocol;  ///< "rtmp", "srt"
  double announced_frame_rate = 0;
  std::chrono::nanoseconds silence{};     ///< Since the newest packet.
  std::chrono::nanoseconds round_trip{};  ///< SRT; zero: not known.
  std::chrono::nanoseconds latency{};     ///< SRT, as negotiated.
  double dropped_packets = 0;             ///< SRT: that did not come in time, since it connected.
  std::int64_t unaligned_rungs = 0;       ///< Segments that a ready-made rung could not open.
  PassthroughLimits limits = {};          ///< That the channel asks for.
  bool is_above_bit_rate = false;         ///< Of the limits, by the last seconds.
};

/// `video` and `audio` may be null. Worst first; `since` is left alone.
std::vector<Finding> judge(const Figures& figures, const TrackInfo* video, const TrackInfo* audio,
                           const Circumstances& circumstances);

}  // namespace millrace::ingest
