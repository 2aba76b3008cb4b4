// create_webhook_authority() of ingest/ingest.h: asks an HTTP server of the operator's.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "ingest/auth/breaker.h"
#include "ingest/auth/publish_name.h"
#include "ingest/auth/verdict_cache.h"
#include "ingest/auth/webhook_reply.h"
#include "ingest/ingest.h"
#include "net/http_client.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;
using Kind = WebhookVerdict::Kind;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::size_t kMaxRemembered = 10'000;  // Of each kind of answer.
// Encoders that ask the same at the same time.
constexpr std::size_t kMaxWaiting = 100;
constexpr auto kQuiet = 10s;

std::string rfc3339(std::chrono::nanoseconds wall) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::duration_cast<std::chrono::seconds>(wall).count()));
}

/// Text that came from outside may be no UTF-8.
std::string to_text(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class Webhook final : public Authority {
 public:
  Webhook(WebhookOptions options, net::HttpClient& client, Metrics& metrics, const Clock& clock);

  void authorize(const PublishRequest& request, std::function<void(Result<Grant>)> reply) override;

 private:
  using Reply = std::function<void(Result<Grant>)>;
  using Answer = Result<Grant>;
  struct Counters {
    Counter allowed, denied, down, malformed;
  };

  /// What is known, or what follows from not asking; nothing: it is asked, or being asked.
  std::optional<Answer> answer_at_once(const net::Sha256& question, Reply& reply, bool& asks);
  void ask(const net::Sha256& question, const PublishRequest& request);
  std::string body_of(const PublishRequest& request) const;
  void on_reply(const net::Sha256& question, const std::string& key, TimePoint asked_at,
                const Result<net::HttpClientReply>& reply);
  WebhookVerdict verdict_of(const Result<net::HttpClientReply>& reply,
                            const std::string& key) const;
  Answer settle(const net::Sha256& question, const WebhookVerdict& verdict) REQUIRES(mutex_);
  Answer without_asking(const net::Sha256& question, const std::string& why) REQUIRES(mutex_);
  void count(const WebhookVerdict& verdict);
  void log_fault(const std::string& message) REQUIRES(mutex_);

  const WebhookOptions options_;
  net::HttpClient& client_;
  const Clock& clock_;
  const std::string salt_ = net::random_hex(32);
  Counters requests_;
  Counter hits_allowed_, hits_denied_, hits_known_;
  Histogram seconds_;
  Gauge breaker_open_;

  Mutex mutex_;
  std::map<net::Sha256, std::vector<Reply>> asked_ GUARDED_BY(mutex_);
  VerdictCache<Grant> allowed_ GUARDED_BY(mutex_){kMaxRemembered};
  VerdictCache<std::string> denied_ GUARDED_BY(mutex_){kMaxRemembered};
  Breaker breaker_ GUARDED_BY(mutex_);
  std::optional<TimePoint> said_at_ GUARDED_BY(mutex_);
};

Webhook::Webhook(WebhookOptions options, net::HttpClient& client, Metrics& metrics,
                 const Clock& clock)
    : options_(std::move(options)),
      client_(client),
      clock_(clock),
      requests_([&metrics] {
        const auto counter = [&metrics](const char* outcome) {
          return metrics.counter("millrace_auth_webhook_requests_total",
                                 "Questions to the webhook, by its answer.",
                                 {{"outcome", outcome}});
        };
        return Counters{counter("allowed"), counter("denied"), counter("down"),
                        counter("malformed")};
      }()),
      hits_allowed_(metrics.counter("millrace_auth_webhook_cache_hits_total",
                                    "Publishers decided by what the webhook had said before.",
                                    {{"kind", "allowed"}})),
      hits_denied_(metrics.counter("millrace_auth_webhook_cache_hits_total",
                                   "Publishers decided by what the webhook had said before.",
                                   {{"kind", "denied"}})),
      hits_known_(metrics.counter("millrace_auth_webhook_cache_hits_total",
                                  "Publishers decided by what the webhook had said before.",
                                  {{"kind", "known"}})),
      seconds_(metrics.histogram("millrace_auth_webhook_seconds",
                                 "From a question to the webhook to its answer.",
                                 latency_bounds())),
      breaker_open_(metrics.gauge("millrace_auth_webhook_breaker_open",
                                  "1 while the webhook is not asked since it does not answer.")) {}

void Webhook::authorize(const PublishRequest& request, Reply reply) {
  const net::Sha256 question = net::hmac_sha256(salt_, request.protocol + " " + request.key);
  bool asks = false;
  if (auto answer = answer_at_once(question, reply, asks)) return reply(std::move(*answer));
  if (asks) ask(question, request);
}

std::optional<Webhook::Answer> Webhook::answer_at_once(const net::Sha256& question, Reply& reply,
                                                       bool& asks) {
  const MutexLock lock(mutex_);
  const TimePoint now = clock_.steady_now();
  if (const auto* allowed = allowed_.find(question, now); allowed && allowed->fresh_until > now) {
    hits_allowed_.increment();
    return allowed->answer;
  }
  if (const auto* denied = denied_.find(question, now)) {
    hits_denied_.increment();
    return Error{ErrorCode::kDenied, denied->answer};
  }
  if (const auto asked = asked_.find(question); asked != asked_.end()) {
    if (asked->second.size() >= kMaxWaiting)
      return Error{ErrorCode::kLimitExceeded, "too many publishers wait for the webhook's answer"};
    asked->second.push_back(std::move(reply));
    return std::nullopt;
  }
  if (!breaker_.may_ask(now)) return without_asking(question, "the webhook does not answer");
  asked_[question].push_back(std::move(reply));
  asks = true;
  return std::nullopt;
}

void Webhook::ask(const net::Sha256& question, const PublishRequest& request) {
  net::HttpClientRequest asked{
      .method = "POST",
      .url = options_.url,
      .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
      .body = body_of(request),
      .timeout = options_.timeout,
      .ca_file = options_.ca_file};
  net::sign(asked, options_.secret, clock_.wall_now());
  client_.request(
      std::move(asked),
      [this, question, key = request.key, asked_at = clock_.steady_now()](
          const Result<net::HttpClientReply>& reply) { on_reply(question, key, asked_at, reply); });
}

std::string Webhook::body_of(const PublishRequest& request) const {
  nlohmann::json body{{"event", "publish"},
                      {"protocol", request.protocol},
                      {"remote_address", request.remote_address},
                      {"application", request.application},
                      {"key", request.key},
                      {"parameters", nlohmann::json::object()},
                      {"time", rfc3339(clock_.wall_now())}};
  if (const auto name = parse_publish_name(request.key); name.has_value()) {
    body["name"] = name.value().name;
    for (const auto& [parameter, value] : name.value().parameters)
      body["parameters"][parameter] = value;
  }
  return to_text(body);
}

void Webhook::on_reply(const net::Sha256& question, const std::string& key, TimePoint asked_at,
                       const Result<net::HttpClientReply>& reply) {
  const bool is_stopping = !reply.has_value() && reply.error().code == ErrorCode::kClosed;
  const WebhookVerdict verdict = verdict_of(reply, key);
  std::vector<Reply> waiting;
  std::optional<Answer> answer;
  {
    const MutexLock lock(mutex_);
    const auto asked = asked_.find(question);
    waiting = std::move(asked->second);
    asked_.erase(asked);
    const bool had_no_room = !reply.has_value() && reply.error().code == ErrorCode::kLimitExceeded;
    if (had_no_room) breaker_.not_asked();
    if (is_stopping)
      answer = reply.error();
    else
      answer = had_no_room ? without_asking(question, verdict.message) : settle(question, verdict);
  }
  if (!is_stopping) {
    count(verdict);
    seconds_.observe(std::chrono::duration<double>(clock_.steady_now() - asked_at).count());
  }
  for (const Reply& one : waiting) one(*answer);
}

WebhookVerdict Webhook::verdict_of(const Result<net::HttpClientReply>& reply,
                                   const std::string& key) const {
  if (!reply.has_value()) {
    const bool is_lie = reply.error().code == ErrorCode::kInvalidData;
    return {.kind = is_lie ? Kind::kMalformed : Kind::kDown,
            .grant = {},
            .message = "the webhook cannot be asked: " + reply.error().message,
            .cache = std::nullopt};
  }
  WebhookVerdict verdict = parse_webhook_reply(reply.value().status, reply.value().body);
  // A server may echo what it was asked: the reason goes to the log.
  if (verdict.message.find(key) != std::string::npos) verdict.message = "the key is not accepted";
  if (verdict.kind != Kind::kAllowed) return verdict;
  // A bare key is a secret, and a channel's name is in its URL.
  if (const auto name = parse_publish_name(key);
      verdict.grant.channel.empty() && name.has_value() && !name.value().parameters.empty())
    verdict.grant.channel = name.value().name;
  const auto malformed = [&verdict](const char* what) {
    verdict.kind = Kind::kMalformed;
    verdict.message = what;
    return verdict;
  };
  if (!is_channel_name(verdict.grant.channel))
    return malformed("the webhook's reply names no channel, and the key is not NAME?…");
  if (!verdict.grant.ladder.empty() && !options_.ladders.contains(verdict.grant.ladder))
    return malformed("the webhook's reply names a ladder that is not in the configuration");
  return verdict;
}

Webhook::Answer Webhook::settle(const net::Sha256& question, const WebhookVerdict& verdict) {
  const TimePoint now = clock_.steady_now();
  if (verdict.kind == Kind::kDown)
    breaker_.failed(now);
  else
    breaker_.succeeded();
  breaker_open_.set(breaker_.is_open() ? 1 : 0);
  switch (verdict.kind) {
    case Kind::kAllowed:
      denied_.erase(question);
      allowed_.put(question, {.answer = verdict.grant,
                              .fresh_until = now + verdict.cache.value_or(options_.cache),
                              .known_until = now + options_.known_for});
      return verdict.grant;
    case Kind::kDenied: {
      allowed_.erase(question);
      const auto until = now + verdict.cache.value_or(options_.negative_cache);
      denied_.put(question, {verdict.message, until, until});
      return Error{ErrorCode::kDenied, verdict.message};
    }
    case Kind::kDown:
      return without_asking(question, verdict.message);
    case Kind::kMalformed:
      break;
  }
  log_fault(verdict.message);
  return Error{ErrorCode::kInvalidData, "the webhook's reply is none: nobody is let in by it"};
}

/// Not the publisher's fault: an error of another code than kDenied.
Webhook::Answer Webhook::without_asking(const net::Sha256& question, const std::string& why) {
  log_fault(why);
  const TimePoint now = clock_.steady_now();
  if (options_.when_down == WhenDown::kAllowKnown) {
    if (const auto* known = allowed_.find(question, now)) {
      hits_known_.increment();
      return known->answer;
    }
  }
  return Error{ErrorCode::kTimedOut, "who may publish cannot be asked now: try again"};
}

void Webhook::count(const WebhookVerdict& verdict) {
  switch (verdict.kind) {
    case Kind::kAllowed:
      return requests_.allowed.increment();
    case Kind::kDenied:
      return requests_.denied.increment();
    case Kind::kDown:
      return requests_.down.increment();
    case Kind::kMalformed:
      return requests_.malformed.increment();
  }
}

void Webhook::log_fault(const std::string& message) {
  const TimePoint now = clock_.steady_now();
  if (said_at_ && now - *said_at_ < kQuiet) return;
  said_at_ = now;
  log::warning("ingest", "webhook of publishers: {} when_down={}", message,
               options_.when_down == WhenDown::kAllowKnown ? "allow-known" : "deny");
}

}  // namespace

std::unique_ptr<Authority> create_webhook_authority(WebhookOptions options, net::HttpClient& client,
                                                    Metrics& metrics, const Clock& clock) {
  return std::make_unique<Webhook>(std::move(options), client, metrics, clock);
}

}  // namespace millrace::ingest
