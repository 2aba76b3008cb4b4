#pragma once
// A transport stream on its way from the thread that receives it to the channel's loop, where it is
// demuxed: one bounded buffer, a demuxer, and the metric of what was wrong.
//
// Thread: receive() and wants_drain() on any one thread, the rest on the loop.
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "ingest/ts/ts_demuxer.h"

namespace millrace::ingest {

class TsIntake {
 public:
  using TimePoint = TsDemuxer::TimePoint;
  enum class Framing {
    kMessages,  ///< What is received at once is a message (SRT, UDP): a short one ends a picture.
    kStream,
  };

  /// Received and not yet demuxed; a loop that is so far behind has lost.
  static constexpr std::size_t kMaxBytes = 8 * 1024 * 1024;

  /// `labels` are the metric's: channel, and source where it is one of several.
  TsIntake(Framing framing, Labels labels, Metrics& metrics, TsEvents& events)
      : framing_(framing), labels_(std::move(labels)), metrics_(metrics), demuxer_({}, events) {}

  /// False: it is too much.
  bool receive(std::span<const std::uint8_t> bytes, TimePoint at);
  /// Whether drain() is to be posted to the loop; true once until it runs.
  bool wants_drain();

  /// Demuxes what has come. An error is TsDemuxer::push()'s.
  Status drain();
  /// The stream has ended: what the demuxer holds is handed on.
  Status finish() { return demuxer_.finish(); }
  std::uint64_t unsupported_streams() const { return demuxer_.counts().unsupported_streams; }

 private:
  struct Inbox {
    std::vector<std::uint8_t> bytes;
    struct Message {
      std::size_t size;
      TimePoint at;
    };
    std::vector<Message> messages;
  };

  Status demux(std::span<const std::uint8_t> message, TimePoint at);
  void count_faults();

  const Framing framing_;
  const Labels labels_;
  Metrics& metrics_;
  TsDemuxer demuxer_;
  TsCounts counted_;
  std::size_t full_message_ = 0;  ///< The longest so far: what the sender fills before it sends.
  Inbox work_;

  Mutex mutex_;
  Inbox inbox_ GUARDED_BY(mutex_);
  bool is_drain_posted_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::ingest
