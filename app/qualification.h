#pragma once
// Whether what a channel's publishers send qualifies for the passthrough rung of its ladder, and
// what becomes of what does not.
//
// Thread: the channel's loop.
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/metrics.h"
#include "ingest/ingest.h"
#include "media/passthrough_limits.h"

namespace millrace::app {

class Qualification {
 public:
  /// `metrics` outlives it.
  Qualification(std::string channel, Metrics& metrics);

  /// A publisher has come, for `ladder`, which outlives it.
  void begin(const Ladder& ladder);
  /// Of begin(): what publishers are to keep.
  const PassthroughLimits& limits() const { return limits_; }

  /// Before a packet of the main picture is taken: its parameters, where they are new. The reason
  /// why the publisher is refused, once.
  std::optional<std::string> check(const std::shared_ptr<const TrackInfo>& video);
  /// The same of what the stream report has found. Each reason is counted and logged once for each
  /// publisher: millrace_passthrough_unqualified_total{channel,reason}.
  std::optional<std::string> follow(const std::vector<ingest::Finding>& findings);
  /// Nothing of the publisher is taken any more.
  bool is_refused() const { return is_refused_; }

  /// Whether a source of these parameters, which begins, is encoded rather than passed through: by
  /// them, or by what was measured of the publisher before.
  bool is_encoded(const TrackInfo& video);

 private:
  const std::string channel_;
  Metrics& metrics_;
  PassthroughLimits limits_;
  transcode::Otherwise otherwise_ = transcode::Otherwise::kPass;
  std::shared_ptr<const TrackInfo> checked_;
  bool has_begun_ = false;  ///< The publisher's picture has.
  bool is_refused_ = false;
  std::set<std::string, std::less<>> told_;  ///< Reasons of this publisher's.
  bool was_measured_ = false;  ///< Of the publisher before: that it kept no limit of such a kind.
};

}  // namespace millrace::app
