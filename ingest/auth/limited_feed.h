#pragma once
// A Feed that holds its publisher to limits: past one the publisher is stopped, and nothing of it
// reaches the feed behind any more. On the channel's loop.
#include <memory>
#include <optional>
#include <string>

#include "ingest/auth/rate_window.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

/// A rate on two clocks. It is too high where it is so by the source's times and by those of
/// arrival: pictures that a network held back come in a burst, and a source may stamp what it
/// likes. By arrival alone it is judged over a longer time, which no hold-up survives.
class Pace {
 public:
  void add(MediaTime media, std::chrono::nanoseconds arrival, std::int64_t amount);
  bool exceeds(double per_second) const;

 private:
  RateWindow by_media_{std::chrono::seconds(5)};
  RateWindow by_arrival_{std::chrono::seconds(5)};
  RateWindow by_arrival_for_long_{std::chrono::seconds(30)};
};

class LimitedFeed final : public Feed {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// What rates may be above their limits: rate control holds an average, not each five seconds;
  /// pictures come as evenly as a camera's clock.
  static constexpr double kBitRateTolerance = 1.25;
  static constexpr double kFrameRateTolerance = 1.1;

  LimitedFeed(std::unique_ptr<Feed> feed, Publisher& publisher, const Grant& grant,
              TimePoint admitted_at, Metrics& metrics)
      : feed_(std::move(feed)),
        publisher_(publisher),
        grant_(grant),
        admitted_at_(admitted_at),
        metrics_(metrics) {}

  void announce(const Announcement& announcement) override { feed_->announce(announcement); }
  void unpublish() override { feed_->unpublish(); }
  Status push(SourcePacket packet) override;
  Status finish() override { return feed_->finish(); }

 private:
  struct Excess {
    const char* limit;   ///< The metric's label.
    std::string reason;  ///< For the log and the encoder.
  };

  std::optional<Excess> find_excess(const SourcePacket& packet);
  std::optional<Excess> find_excess_of_size(const SourcePacket& packet);
  std::optional<Excess> find_excess_of_rates(const SourcePacket& packet);

  const std::unique_ptr<Feed> feed_;
  Publisher& publisher_;
  const Grant grant_;
  const TimePoint admitted_at_;
  Metrics& metrics_;
  std::shared_ptr<const TrackInfo> video_;  ///< Whose size is within its limits.
  Pace bits_;
  Pace pictures_;
  bool is_stopped_ = false;
};

}  // namespace millrace::ingest
