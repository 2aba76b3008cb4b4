#include "app/report_teller.h"

#include <fmt/chrono.h>

#include <nlohmann/json.hpp>

#include "app/finding_json.h"
#include "app/json_text.h"
#include "base/log.h"

namespace millrace::app {
namespace {

std::vector<std::string> summary_of(const std::vector<ingest::Finding>& findings) {
  std::vector<std::string> summary;
  summary.reserve(findings.size());
  for (const auto& finding : findings)
    summary.push_back(fmt::format("{} {}", finding.code, to_string(finding.severity)));
  return summary;
}

Counter counter(Metrics& metrics, const char* outcome) {
  return metrics.counter("millrace_event_webhook_total",
                         "Events told to the operator's server, by whether it took them.",
                         {{"outcome", outcome}});
}

}  // namespace

ReportTeller::ReportTeller(std::string channel, const EventsConfig& events, net::HttpClient* client,
                           Metrics& metrics, const Clock& clock)
    : channel_(std::move(channel)),
      events_(events),
      client_(client),
      clock_(clock),
      told_(counter(metrics, "taken")),
      failed_(counter(metrics, "failed")) {}

void ReportTeller::tick(const Findings& findings) {
  if (!client_ || (findings == seen_ && *was_taken_)) return;
  const auto now = clock_.steady_now();
  if (said_at_ && now - *said_at_ < kQuiet) return;
  seen_ = findings;
  auto summary = summary_of(*findings);
  if (summary == said_ && *was_taken_) return;
  said_ = std::move(summary);
  said_at_ = now;
  tell(findings);
}

std::string ReportTeller::body_of(const std::vector<ingest::Finding>& findings) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now()).count();
  nlohmann::json body{{"event", "report"},
                      {"channel", channel_},
                      {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds))},
                      {"findings", nlohmann::json::array()}};
  for (const auto& finding : findings) body["findings"].push_back(describe(finding));
  return to_text(body);
}

void ReportTeller::tell(const Findings& findings) {
  net::HttpClientRequest request{.method = "POST",
                                 .url = events_.url,
                                 .headers = {{"Content-Type", "application/json"}},
                                 .body = body_of(*findings),
                                 .timeout = events_.timeout,
                                 .ca_file = events_.ca_file};
  net::sign(request, events_.secret, clock_.wall_now());
  *was_taken_ = true;  // Until the answer says else.
  const auto on_reply = [was_taken = was_taken_, told = told_, failed = failed_,
                         channel = channel_](const Result<net::HttpClientReply>& reply) mutable {
    if (reply.has_value() && reply.value().status / 100 == 2) return told.increment();
    failed.increment();
    *was_taken = false;
    log::debug(
        "app", "event not taken channel={} reason={}", channel,
        reply.has_value() ? fmt::format("status {}", reply.value().status) : reply.error().message);
  };
  client_->request(std::move(request), on_reply);
}

}  // namespace millrace::app
