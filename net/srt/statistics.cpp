#include "net/srt/statistics.h"

#include <cmath>

namespace millrace::net::srt {

Statistics::Statistics(const Labels& labels, Metrics& metrics)
    : round_trip_(metrics.gauge("millrace_srt_round_trip_seconds",
                                "Round trip to the publisher, smoothed.", labels)),
      latency_(metrics.gauge("millrace_srt_latency_seconds",
                             "How long packets are held back, as negotiated.", labels)),
      buffered_(metrics.gauge("millrace_srt_receive_buffer_seconds",
                              "Time between the oldest and the newest packet that is held back.",
                              labels)),
      bandwidth_(metrics.gauge("millrace_srt_link_bits_per_second",
                               "Capacity of the link from the publisher, as libsrt estimates it.",
                               labels)),
      bytes_(metrics.counter("millrace_srt_received_bytes_total",
                             "Bytes received over SRT, with headers and retransmissions.", labels)),
      received_(metrics.counter("millrace_srt_packets_received_total",
                                "Data packets received, retransmitted ones included.", labels)),
      lost_(metrics.counter("millrace_srt_packets_lost_total",
                            "Packets that were missing at first; most come again.", labels)),
      retransmitted_(metrics.counter("millrace_srt_packets_retransmitted_total",
                                     "Packets received that were sent again.", labels)),
      dropped_(metrics.counter("millrace_srt_packets_dropped_total",
                               "Packets that did not come in time: media is missing.", labels)),
      belated_(metrics.counter("millrace_srt_packets_belated_total",
                               "Packets that came when their time was over.", labels)),
      undecrypted_(metrics.counter("millrace_srt_packets_undecrypted_total",
                                   "Packets that the passphrase does not open.", labels)) {}

std::optional<std::chrono::microseconds> Statistics::sample(SRTSOCKET socket) {
  constexpr int kFromNow = 1;
  SRT_TRACEBSTATS now{};
  if (srt_bstats(socket, &now, kFromNow) == SRT_ERROR) return std::nullopt;
  round_trip_.set(now.msRTT / 1e3);
  latency_.set(now.msRcvTsbPdDelay / 1e3);
  buffered_.set(now.msRcvBuf / 1e3);
  bandwidth_.set(now.mbpsBandwidth * 1e6);
  bytes_.increment(static_cast<double>(now.byteRecv));
  received_.increment(static_cast<double>(now.pktRecv));
  lost_.increment(now.pktRcvLoss);
  retransmitted_.increment(now.pktRcvRetrans);
  dropped_.increment(now.pktRcvDrop);
  belated_.increment(static_cast<double>(now.pktRcvBelated));
  undecrypted_.increment(now.pktRcvUndecrypt);
  return std::chrono::microseconds(std::llround(now.msRTT * 1000));
}

void Statistics::clear() {
  for (Gauge* const gauge : {&round_trip_, &latency_, &buffered_, &bandwidth_}) gauge->set(0);
}

}  // namespace millrace::net::srt
