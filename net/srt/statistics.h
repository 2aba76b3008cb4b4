#pragma once
// What libsrt measures of one connection, as metrics of its channel. The thread that reads.
#include <srt/srt.h>

#include <chrono>
#include <optional>

#include "base/metrics.h"

namespace millrace::net::srt {

class Statistics {
 public:
  /// `labels`: channel, and source where it is one that we call.
  Statistics(const Labels& labels, Metrics& metrics);

  /// Asks libsrt, and counts what has come since the last time. Once a second.
  /// Gives the round trip, in which libsrt believes after some seconds; nothing without a
  /// connection.
  std::optional<std::chrono::microseconds> sample(SRTSOCKET socket);
  /// The connection is over: what it is has no value any more.
  void clear();

 private:
  Gauge round_trip_;
  Gauge latency_;
  Gauge buffered_;
  Gauge bandwidth_;
  Counter bytes_;
  Counter received_;
  Counter lost_;
  Counter retransmitted_;
  Counter dropped_;
  Counter belated_;
  Counter undecrypted_;
};

}  // namespace millrace::net::srt
