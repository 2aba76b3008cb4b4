// channel_output.h's OriginContext.
#include <utility>

#include "hls/channel_output.h"

namespace millrace::hls {

OriginContext::OriginContext(Options its_options, Metrics& its_metrics, const Clock& its_clock)
    : options(std::move(its_options)),
      metrics(its_metrics),
      clock(its_clock),
      playlists(its_metrics),
      window_bytes_gauge(its_metrics.gauge("millrace_hls_window_bytes",
                                           "Media in memory, all channels together.")),
      trimmed_segments(its_metrics.counter(
          "millrace_hls_window_trimmed_segments_total",
          "Segments that left playlists early because hls.max_window was reached.")),
      parked_gauge(its_metrics.gauge("millrace_hls_parked_requests",
                                     "Requests that wait for a part or a playlist.")),
      parked_seconds(its_metrics.histogram("millrace_hls_parked_seconds",
                                           "How long requests waited for a part or a playlist.",
                                           latency_bounds())),
      ts_cache(options.ts.max_cache_bytes, its_metrics, its_clock),
      expected_until(its_clock.steady_now() + options.expected_for) {}

bool OriginContext::make_room() {
  if (parked.fetch_add(1) >= options.max_parked_requests) {
    --parked;
    return false;
  }
  parked_gauge.add(1);
  return true;
}

void OriginContext::count_let_go(std::size_t requests) {
  parked -= requests;
  parked_gauge.add(-static_cast<double>(requests));
}

bool OriginContext::is_expected(std::string_view channel) const {
  return clock.steady_now() < expected_until && options.expected.contains(channel);
}

}  // namespace millrace::hls
