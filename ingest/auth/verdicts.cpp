#include "ingest/auth/verdicts.h"

#include <utility>

#include "base/log.h"
#include "ingest/auth/publish_name.h"

namespace millrace::ingest {
namespace {

std::string_view label_of(Why why) {
  switch (why) {
    case Why::kMalformed:
      return "malformed";
    case Why::kUnknownKey:
      return "unknown_key";
    case Why::kAmbiguous:
      return "ambiguous";
    case Why::kBadSignature:
      return "bad_signature";
    case Why::kExpired:
      return "expired";
    case Why::kSlowed:
      return "slowed";
    case Why::kWebhook:
      return "webhook";
  }
  return "unknown";
}

}  // namespace

Verdicts::Verdicts(std::map<std::string, PublishLimits> limits, PublishLimits otherwise,
                   Metrics& metrics, const Clock& clock)
    : limits_(std::move(limits)), otherwise_(otherwise), clock_(clock) {
  for (const Why why : {Why::kMalformed, Why::kUnknownKey, Why::kAmbiguous, Why::kBadSignature,
                        Why::kExpired, Why::kSlowed, Why::kWebhook})
    denied_.emplace(why, metrics.counter("millrace_auth_denied_total",
                                         "Publishers that were not let in, by the reason.",
                                         {{"why", std::string(label_of(why))}}));
}

void Verdicts::grant(const PublishRequest& request, Grant grant, const AuthorityReply& reply) {
  const auto found = limits_.find(grant.channel);
  grant.limits = stricter(grant.limits, found == limits_.end() ? otherwise_ : found->second);
  attempts_.succeeded(slowed_address(request.remote_address), request.key, clock_.steady_now());
  reply(std::move(grant));
}

void Verdicts::refuse(const PublishRequest& request, Why why, const std::string& message,
                      const AuthorityReply& reply) {
  denied_.at(why).increment();
  const std::string address = slowed_address(request.remote_address);
  // A signature is not guessed, and a key that opens several channels is a right one.
  const bool is_guess = why != Why::kExpired && why != Why::kBadSignature && why != Why::kAmbiguous;
  if (is_guess) attempts_.failed(address, request.key, clock_.steady_now());
  log_refusal(request, address, message);
  reply(Error{ErrorCode::kDenied, message});
}

void Verdicts::refuse_unseen(const PublishRequest& request, const AuthorityReply& reply) {
  denied_.at(Why::kSlowed).increment();
  const std::string message = "too many wrong keys came from its address, it has to wait";
  log_refusal(request, slowed_address(request.remote_address), message);
  reply(Error{ErrorCode::kLimitExceeded, message});
}

void Verdicts::pass_on(const PublishRequest& request, Result<Grant> answer,
                       const AuthorityReply& reply) {
  if (answer.has_value()) return grant(request, std::move(answer).value(), reply);
  if (answer.error().code == ErrorCode::kDenied)
    return refuse(request, Why::kWebhook, answer.error().message, reply);
  reply(std::move(answer));  // Not the publisher's fault: it could not be asked.
}

void Verdicts::log_refusal(const PublishRequest& request, const std::string& address,
                           const std::string& message) {
  if (request.protocol == "srt") return;  // Its server writes its own line, with the code.
  const auto times = attempts_.note_refusal(address, clock_.steady_now());
  if (!times) return;
  log::warning("ingest", "publish denied protocol={} remote={} reason=\"{}\" attempts={}",
               request.protocol, request.remote_address, message, *times);
}

}  // namespace millrace::ingest
