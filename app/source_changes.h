#pragma once
// How often what a channel's publishers send may change. A change of parameters is a discontinuity
// for viewers and often another worker; one too many ends the publisher. Counted over all
// publishers of the channel, so that coming again gains nothing.
//
// Thread: the channel's loop.
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/metrics.h"
#include "ingest/ingest.h"

namespace millrace::app {

class SourceChanges {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kMost = 20;
  static constexpr std::chrono::seconds kWithin{10};

  /// `metrics` outlives it.
  SourceChanges(std::string channel, Metrics& metrics);

  /// A publisher has come. What it begins with is no change.
  void begin();
  /// Before a packet is taken. The reason why its publisher is cut off, once:
  /// millrace_publish_limited_total{channel,limit="parameters"}.
  std::optional<std::string> check(const ingest::SourcePacket& packet, TimePoint now);
  /// The channel's timeline begins anew with the publisher, for whatever reason: a change of its
  /// parameters, a jump of its times. As check(), with limit="beginnings".
  std::optional<std::string> begin_anew(TimePoint now);
  /// Nothing of the publisher is taken any more.
  bool is_cut_off() const { return is_cut_off_; }

 private:
  /// Of the newest, one more than there may be.
  using Times = std::deque<TimePoint>;

  static bool is_one_too_many(Times& times, TimePoint now);
  std::optional<std::string> cut_off(const char* limit, std::string reason);

  const std::string channel_;
  Metrics& metrics_;
  /// The publisher's, by kind and index.
  std::map<std::pair<MediaKind, int>, std::shared_ptr<const TrackInfo>> tracks_;
  Times changes_, beginnings_;
  bool has_begun_ = false;  ///< The timeline has, with the publisher.
  bool is_cut_off_ = false;
};

}  // namespace millrace::app
