#include "net/srt/statistics.h"

namespace millrace::net::srt {

Statistics::Statistics(const std::string& channel, Metrics& metrics)
    : round_trip_(metrics.gauge("millrace_srt_round_trip_seconds",
                                "Round trip to the publisher, smoothed.", {{"channel", channel}})),
      latency_(metrics.gauge("millrace_srt_latency_seconds",
                             "How long packets are held back, as negotiated.",
                             {{"channel", channel}})),
      buffered_(metrics.gauge("millrace_srt_receive_buffer_seconds",
                              "Time between the oldest and the newest packet that is held back.",
                              {{"channel", channel}})),
      bandwidth_(metrics.gauge("millrace_srt_link_bits_per_second",
                               "Capacity of the link from the publisher, as libsrt estimates it.",
                               {{"channel", channel}})),
      bytes_(metrics.counter("millrace_srt_received_bytes_total",
                             "Bytes received over SRT, with headers and retransmissions.",
                             {{"channel", channel}})),
      received_(metrics.counter("millrace_srt_packets_received_total",
                                "Data packets received, retransmitted ones included.",
                                {{"channel", channel}})),
      lost_(metrics.counter("millrace_srt_packets_lost_total",
                            "Packets that were missing at first; most come again.",
                            {{"channel", channel}})),
      retransmitted_(metrics.counter("millrace_srt_packets_retransmitted_total",
                                     "Packets received that were sent again.",
                                     {{"channel", channel}})),
      dropped_(metrics.counter("millrace_srt_packets_dropped_total",
                               "Packets that did not come in time: media is missing.",
                               {{"channel", channel}})),
      belated_(metrics.counter("millrace_srt_packets_belated_total",
                               "Packets that came when their time was over.",
                               {{"channel", channel}})),
      undecrypted_(metrics.counter("millrace_srt_packets_undecrypted_total",
                                   "Packets that the passphrase does not open.",
                                   {{"channel", channel}})) {}

void Statistics::sample(SRTSOCKET socket) {
  constexpr int kFromNow = 1;
  SRT_TRACEBSTATS now{};
  if (srt_bstats(socket, &now, kFromNow) == SRT_ERROR) return;
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
}

void Statistics::clear() {
  for (Gauge* const gauge : {&round_trip_, &latency_, &buffered_, &bandwidth_}) gauge->set(0);
}

}  // namespace millrace::net::srt
