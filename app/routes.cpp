#include "app/routes.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/console/console_assets.h"
#include "app/finding_json.h"
#include "app/json_text.h"
#include "app/rung_control.h"
#include "app/version.h"
#include "net/accept_encoding.h"

namespace millrace::app {
namespace {

using net::HttpExchange;
using net::HttpMethod;
using net::HttpResponse;

enum class Audience { kViewers, kOperator };

HttpResponse text_response(int status, std::string_view kind, std::string_view type,
                           std::string_view text) {
  return {.status = status,
          .kind = kind,
          .headers = {{"Content-Type", std::string(type)},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}},
          .body = {Bytes::copy_of(text)}};
}

HttpResponse not_found() {
  return text_response(404, "error", "text/plain", "not found\n");
}

std::string iso_time(std::chrono::nanoseconds wall) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(wall);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                     std::chrono::duration_cast<std::chrono::milliseconds>(wall - seconds).count());
}

std::string_view to_string(ChannelStatus::State state) {
  switch (state) {
    case ChannelStatus::State::kWaiting:
      return "waiting";
    case ChannelStatus::State::kLive:
      return "live";
    case ChannelStatus::State::kEnded:
      return "ended";
  }
  return "unknown";
}

nlohmann::json describe(const hls::RenditionStatus& rendition) {
  nlohmann::json json{{"name", rendition.name},
                      {"kind", rendition.kind == MediaKind::kVideo ? "video" : "audio"},
                      {"codecs", rendition.codecs},
                      {"bits_per_second", rendition.bits_per_second}};
  if (rendition.kind == MediaKind::kVideo) {
    json["width"] = rendition.width;
    json["height"] = rendition.height;
    json["frame_rate"] = rendition.frame_rate;
  }
  if (rendition.is_idle) json["idle"] = true;
  if (rendition.is_refused) json["refused"] = true;
  return json;
}

nlohmann::json describe(const std::vector<ingest::Finding>& findings,
                        std::chrono::steady_clock::time_point now) {
  nlohmann::json report = nlohmann::json::array();
  for (const auto& finding : findings) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - finding.since);
    auto json = app::describe(finding);
    json["age_seconds"] = age.count();
    report.push_back(std::move(json));
  }
  return report;
}

std::string describe_channels(const RouteContext& context, Audience audience) {
  nlohmann::json channels = nlohmann::json::array();
  for (const Channel* const channel : context.channels.all()) {
    const auto output = channel->output();
    if (!output) continue;  // Never published to.
    const ChannelStatus status = channel->status();
    const hls::ChannelStatus hls_status = output->status();
    // Between a publisher's coming and its first segment the playlists are those of the show
    // before.
    const bool is_old = status.state == ChannelStatus::State::kLive && hls_status.has_ended;
    nlohmann::json json{{"name", channel->name()},
                        {"state", to_string(status.state)},
                        {"playable", hls_status.is_playable && !is_old},
                        {"holding", status.is_holding},
                        {"uptime_seconds", 0},
                        {"renditions", nlohmann::json::array()},
                        {"report", describe(*channel->findings(), context.clock.steady_now())}};
    for (const auto& rendition : hls_status.renditions)
      json["renditions"].push_back(describe(rendition));
    if (status.state == ChannelStatus::State::kLive) {
      const auto uptime = context.clock.steady_now() - status.live_since;
      json["uptime_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(uptime).count();
      json["publisher"] = {{"protocol", status.protocol}};
      // Where a streamer sits is nobody's business but the operator's.
      if (audience == Audience::kOperator)
        json["publisher"]["remote_address"] = status.remote_address;
    }
    channels.push_back(std::move(json));
  }
  return to_text({{"version", kVersion},
                  {"now", iso_time(context.clock.wall_now())},
                  {"channels", std::move(channels)}});
}

nlohmann::json describe(const transcode::DeviceStatus& device) {
  const auto names = [](const std::vector<Codec>& codecs) {
    auto list = nlohmann::json::array();
    for (const Codec codec : codecs) list.push_back(to_string(codec));
    return list;
  };
  nlohmann::json json{{"name", device.found.name},
                      {"decodes", names(device.found.decodes)},
                      {"encodes", names(device.found.encodes)},
                      {"ladders", device.ladders},
                      {"encoders", device.encoders},
                      {"left_out", device.is_left_out}};
  if (device.found.sessions > 0) json["encoders_at_once"] = device.found.sessions;
  if (!device.found.problem.empty()) json["problem"] = device.found.problem;
  if (!device.last_failure.empty()) json["last_failure"] = device.last_failure;
  return json;
}

std::string describe(const transcode::CapacityStatus& capacity,
                     const std::vector<transcode::DeviceStatus>& devices) {
  auto described = nlohmann::json::array();
  for (const auto& device : devices) described.push_back(describe(device));
  auto rungs = nlohmann::json::array();
  for (const auto& share : capacity.rungs)
    rungs.push_back({{"channel", share.channel}, {"rung", share.rung}, {"cores", share.cores}});
  return to_text({{"cores", capacity.cores},
                  {"limit_cores", capacity.limit},
                  {"others_cores", capacity.others},
                  {"charged_cores", capacity.charged},
                  {"rungs", std::move(rungs)},
                  {"seconds_per_picture", capacity.seconds_per_picture},
                  {"devices", std::move(described)}});
}

HttpResponse serve_asset(const console::Asset& asset, const net::HttpRequest& request) {
  HttpResponse response{.status = 200,
                        .kind = "page",
                        .headers = {{"Content-Type", std::string(asset.content_type)},
                                    {"Cache-Control", "no-cache"},
                                    {"ETag", std::string(asset.etag)},
                                    {"Vary", "Accept-Encoding"},
                                    {"X-Content-Type-Options", "nosniff"}},
                        .body = {}};
  if (request.header("if-none-match") == asset.etag) {
    response.status = 304;
  } else if (net::accepts_gzip(request.header("accept-encoding"))) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = {asset.gzip};
  } else {
    response.body = {asset.bytes};
  }
  return response;
}

HttpResponse answer(const RouteContext& context, Audience audience,
                    const net::HttpRequest& request) {
  if (request.method != HttpMethod::kGet && request.method != HttpMethod::kHead) {
    auto response = text_response(405, "error", "text/plain", "only GET and HEAD\n");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  if (request.path == "/healthz") return text_response(200, "health", "text/plain", "ok\n");
  if (request.path == "/readyz")
    return context.is_ready ? text_response(200, "health", "text/plain", "ready\n")
                            : text_response(503, "health", "text/plain", "not ready\n");
  if (request.path == "/metrics" &&
      (audience == Audience::kOperator || context.config.http.metrics))
    return text_response(200, "metrics", "text/plain; version=0.0.4; charset=utf-8",
                         context.metrics.text());
  if (request.path == "/api/v1/channels")
    return text_response(200, "api", "application/json", describe_channels(context, audience));
  if (request.path == "/api/v1/transcode" && audience == Audience::kOperator)
    return text_response(200, "api", "application/json",
                         describe(context.capacity.status(), context.devices.status()));
  if (audience == Audience::kViewers)
    if (const console::Asset* const asset = console::find_asset(request.path))
      return serve_asset(*asset, request);
  return not_found();
}

}  // namespace

net::HttpHandler public_routes(const RouteContext& context) {
  return [&context](std::shared_ptr<HttpExchange> exchange) {
    if (hls::is_origin_path(exchange->request().path))
      context.origin.handle(std::move(exchange));
    else
      exchange->respond(answer(context, Audience::kViewers, exchange->request()));
  };
}

net::HttpHandler operator_routes(const RouteContext& context) {
  return [&context](const std::shared_ptr<HttpExchange>& exchange) {
    if (!control_rung(context, exchange))
      exchange->respond(answer(context, Audience::kOperator, exchange->request()));
  };
}

}  // namespace millrace::app
