#pragma once
// Tells a channel's stream report to the operator's HTTP server whenever it says something else.
//
// Thread: the channel's loop. The answers come on the client's.
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "ingest/ingest.h"
#include "net/http_client.h"

namespace millrace::app {

class ReportTeller {
 public:
  using Findings = std::shared_ptr<const std::vector<ingest::Finding>>;

  /// A report that flaps is told so often, and one that was not taken again after as long.
  static constexpr std::chrono::seconds kQuiet{10};

  /// A null client: nothing is told. All references outlive it; the client is stopped before.
  ReportTeller(std::string channel, const EventsConfig& events, net::HttpClient* client,
               Metrics& metrics, const Clock& clock);

  /// The newest findings. What counts is which there are and how grave, not their figures.
  void tick(const Findings& findings);

 private:
  std::string body_of(const std::vector<ingest::Finding>& findings) const;
  void tell(const Findings& findings);

  const std::string channel_;
  const EventsConfig& events_;
  net::HttpClient* const client_;
  const Clock& clock_;
  Counter told_;
  Counter failed_;
  Findings seen_;                  ///< What needs no second look.
  std::vector<std::string> said_;  ///< "code severity" of what was told last.
  std::optional<std::chrono::steady_clock::time_point> said_at_;
  std::shared_ptr<std::atomic<bool>> was_taken_ = std::make_shared<std::atomic<bool>>(true);
};

}  // namespace millrace::app
