#pragma once
// What libsrt measures of one connection, as metrics of its channel. The server's thread.
#include <srt/srt.h>

#include <string>

#include "base/metrics.h"

namespace millrace::net::srt {

class Statistics {
 public:
  Statistics(const std::string& channel, Metrics& metrics);

  /// Asks libsrt, and counts what has come since the last time. Once a second.
  void sample(SRTSOCKET socket);
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
