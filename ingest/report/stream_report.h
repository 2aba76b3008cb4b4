#pragma once
// A channel's StreamReport: measures, judges once a second, and keeps the newest judgement.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "ingest/auth/limited_feed.h"
#include "ingest/ingest.h"
#include "ingest/report/judgement.h"
#include "ingest/report/source_figures.h"

namespace millrace::ingest {

class ChannelReport final : public StreamReport {
 public:
  ChannelReport(std::string channel, Metrics& metrics, const Clock& clock);

  void begin(std::string protocol, const PassthroughLimits& limits) override;
  void announce(const Announcement& announcement) override;
  void add(const SourcePacket& packet) override;
  void add_unaligned_rung() override { ++unaligned_rungs_; }
  void tick() override;
  void end() override;
  std::shared_ptr<const std::vector<Finding>> findings() const override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  Circumstances circumstances(TimePoint now) const;
  void keep_since(std::vector<Finding>& findings, TimePoint now) const;
  void publish(std::vector<Finding> findings);
  void show_figures(const Figures& figures);

  const std::string channel_;
  Metrics& metrics_;
  const Clock& clock_;
  Gauge key_frame_interval_;
  Gauge frame_rate_;
  Gauge bits_per_second_;
  Gauge av_skew_;
  std::map<std::string, Gauge> by_code_;  ///< At most one for each code of judgement.cpp.

  bool has_publisher_ = false;
  std::string protocol_;
  double announced_frame_rate_ = 0;
  double dropped_before_ = 0;  ///< SRT packets dropped of earlier publishers.
  TimePoint began_;
  TimePoint judged_;
  SourceFigures figures_;
  PassthroughLimits limits_;
  std::optional<Pace> picture_bits_;  ///< Where they have a limit.
  std::int64_t unaligned_rungs_ = 0;  ///< Segments of the publisher's.

  mutable Mutex mutex_;
  std::shared_ptr<const std::vector<Finding>> findings_ GUARDED_BY(mutex_);
};

}  // namespace millrace::ingest
