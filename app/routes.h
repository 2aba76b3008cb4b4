#pragma once
// Who answers which path: the public port and the operator's.
//
// Thread: the exchanges' loops.
#include <atomic>
#include <memory>
#include <string>

#include "app/channels.h"
#include "base/metrics.h"
#include "hls/hls.h"
#include "net/http_server.h"
#include "transcode/transcode.h"

namespace millrace::app {

/// Everything outlives the handlers made of it.
struct RouteContext {
  const Config& config;
  const Clock& clock;
  Metrics& metrics;
  hls::Origin& origin;
  const transcode::Capacity& capacity;
  const transcode::Devices& devices;
  const Channels& channels;
  const std::atomic<bool>& is_ready;
};

/// Viewers' port: /, /live/…, /s/TOKEN/live/…, /api/v1/channels (what the page shows), /healthz,
/// /readyz and, with http.metrics, /metrics.
net::HttpHandler public_routes(const RouteContext& context);

/// The operator's port: /metrics, /api/v1/channels with the publishers' addresses,
/// /api/v1/transcode, /healthz, /readyz, and what rung_control.h has.
net::HttpHandler operator_routes(const RouteContext& context);

}  // namespace millrace::app
