#include "app/routes.h"

#include <nlohmann/json.hpp>

#include "app/channel_list.h"
#include "app/console/console_assets.h"
#include "app/json_text.h"
#include "app/rung_control.h"
#include "net/accept_encoding.h"

namespace millrace::app {
namespace {

using net::HttpExchange;
using net::HttpMethod;
using net::HttpResponse;

HttpResponse text_response(int status, std::string_view kind, std::string_view type, Bytes text) {
  return {.status = status,
          .kind = kind,
          .headers = {{"Content-Type", std::string(type)},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}},
          .body = {std::move(text)}};
}

HttpResponse text_response(int status, std::string_view kind, std::string_view type,
                           std::string_view text) {
  return text_response(status, kind, type, Bytes::copy_of(text));
}

HttpResponse not_found() {
  return text_response(404, "error", "text/plain", "not found\n");
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

HttpResponse answer(const RouteContext& context, Audience audience, ChannelList& channels,
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
    return text_response(200, "api", "application/json", channels.text());
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
  const auto channels =
      std::make_shared<ChannelList>(context.channels, context.clock, Audience::kViewers);
  return [&context, channels](std::shared_ptr<HttpExchange> exchange) {
    if (hls::is_origin_path(exchange->request().path))
      context.origin.handle(std::move(exchange));
    else
      exchange->respond(answer(context, Audience::kViewers, *channels, exchange->request()));
  };
}

net::HttpHandler operator_routes(const RouteContext& context) {
  const auto channels =
      std::make_shared<ChannelList>(context.channels, context.clock, Audience::kOperator);
  return [&context, channels](const std::shared_ptr<HttpExchange>& exchange) {
    if (!control_rung(context, exchange))
      exchange->respond(answer(context, Audience::kOperator, *channels, exchange->request()));
  };
}

}  // namespace millrace::app
