#pragma once
// What every answer goes through on its way out: the channel's limits onto a grant; the count, the
// log line and the memory of the address onto a refusal. Any thread.
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "ingest/auth/attempts.h"
#include "ingest/auth/decision.h"

namespace millrace::ingest {

using AuthorityReply = std::function<void(Result<Grant>)>;

class Verdicts {
 public:
  /// `limits` by channel, `otherwise` of all others. Metrics and clock outlive it.
  Verdicts(std::map<std::string, PublishLimits> limits, PublishLimits otherwise, Metrics& metrics,
           const Clock& clock);

  void grant(const PublishRequest& request, Grant grant, const AuthorityReply& reply);
  void refuse(const PublishRequest& request, Why why, const std::string& message,
              const AuthorityReply& reply);
  /// Refused without a look: the address is slowed down.
  void refuse_unseen(const PublishRequest& request, const AuthorityReply& reply);
  /// The answer of what was asked last.
  void pass_on(const PublishRequest& request, Result<Grant> answer, const AuthorityReply& reply);

  Attempts& attempts() { return attempts_; }

 private:
  void log_refusal(const PublishRequest& request, const std::string& address,
                   const std::string& message);

  const std::map<std::string, PublishLimits> limits_;
  const PublishLimits otherwise_;
  const Clock& clock_;
  std::map<Why, Counter> denied_;  ///< Not changed after construction.
  Attempts attempts_;
};

}  // namespace millrace::ingest
