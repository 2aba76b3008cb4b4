#include "app/rung_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/json_text.h"
#include "base/log.h"
#include "net/digest.h"

namespace millrace::app {
namespace {

using net::HttpExchange;
using net::HttpMethod;
using net::HttpResponse;
using transcode::RungMode;

constexpr std::string_view kPrefix = "/api/v1/channels/";
constexpr std::string_view kBetween = "/rungs/";

struct Target {
  std::string channel;
  std::string rung;
};

std::optional<Target> target_of(std::string_view path) {
  if (!path.starts_with(kPrefix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  const auto between = path.find(kBetween);
  if (between == std::string_view::npos) return std::nullopt;
  const auto rung = path.substr(between + kBetween.size());
  if (rung.find('/') != std::string_view::npos) return std::nullopt;
  return Target{std::string(path.substr(0, between)), std::string(rung)};
}

HttpResponse json_response(int status, const nlohmann::json& json) {
  return {.status = status,
          .kind = "api",
          .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
          .body = {Bytes::copy_of(to_text(json))}};
}

HttpResponse error_response(int status, std::string_view message) {
  return json_response(status, {{"error", message}});
}

std::optional<RungMode> mode_of(std::string_view query) {
  if (query == "encode=on-demand") return RungMode::kOnDemand;
  if (query == "encode=always") return RungMode::kAlways;
  if (query == "encode=off") return RungMode::kOff;
  return std::nullopt;
}

/// Takes the same time wherever they differ.
bool is_token(std::string_view said, std::string_view token) {
  return net::is_same_digest(net::sha256(said), net::sha256(token));
}

/// Why the request may not change anything; empty: it may.
std::optional<HttpResponse> refusal(const std::string& token, const net::HttpRequest& request) {
  if (token.empty())
    return error_response(403, "api.token is not set: nothing can be changed over this API");
  constexpr std::string_view kBearer = "Bearer ";
  const auto said = request.header("authorization");
  if (said.starts_with(kBearer) && is_token(said.substr(kBearer.size()), token))
    return std::nullopt;
  auto response = error_response(401, "Authorization: Bearer TOKEN, with api.token, is needed");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

/// On the channel's loop.
HttpResponse describe(const Channel& channel, const std::string& rung) {
  const auto encode = channel.encode_of(rung);
  if (!encode) return error_response(404, fmt::format("{} has no rung {}", channel.name(), rung));
  return json_response(200, {{"channel", channel.name()},
                             {"rung", rung},
                             {"encode", transcode::to_string(encode->mode)},
                             {"by", encode->is_override ? "api" : "configuration"}});
}

}  // namespace

bool control_rung(const RouteContext& context, const std::shared_ptr<HttpExchange>& exchange) {
  const net::HttpRequest& request = exchange->request();
  const auto target = target_of(request.path);
  if (!target) return false;
  const bool changes = request.method == HttpMethod::kPut || request.method == HttpMethod::kDelete;
  const auto mode =
      request.method == HttpMethod::kPut ? mode_of(request.query) : std::optional<RungMode>();
  if (!changes && request.method != HttpMethod::kGet && request.method != HttpMethod::kHead) {
    auto response = error_response(405, "only GET, HEAD, PUT and DELETE");
    response.headers.emplace_back("Allow", "GET, HEAD, PUT, DELETE");
    exchange->respond(std::move(response));
    return true;
  }
  if (changes)
    if (auto refused = refusal(context.config.api_token, request)) {
      exchange->respond(std::move(*refused));
      return true;
    }
  if (request.method == HttpMethod::kPut && !mode) {
    exchange->respond(error_response(400, "?encode= is needed: on-demand, always or off"));
    return true;
  }
  Channel* const channel = context.channels.find(target->channel);
  if (channel == nullptr) {
    exchange->respond(error_response(404, "there is no such channel"));
    return true;
  }
  channel->loop().post([channel, exchange, rung = target->rung, changes, mode] {
    if (changes && channel->encode_of(rung)) channel->set_encode(rung, mode);
    exchange->loop().post([exchange, response = describe(*channel, rung)]() mutable {
      exchange->respond(std::move(response));
    });
  });
  return true;
}

}  // namespace millrace::app
