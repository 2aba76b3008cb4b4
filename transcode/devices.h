#pragma once
// transcode.h's Devices. Any thread.
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

/// How long something is left alone that fails again and again.
class LeaveOut {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  LeaveOut(std::chrono::seconds first, std::chrono::seconds longest)
      : first_(first), longest_(longest) {}

  void failed(TimePoint now);
  void succeeded() { length_ = {}; }
  bool is_over(TimePoint now) const { return now >= until_; }

 private:
  std::chrono::seconds first_, longest_;
  std::chrono::seconds length_{};
  TimePoint until_{};
};

class RankedDevices final : public Devices {
 public:
  RankedDevices(DevicePolicy policy, Metrics& metrics, const Clock& clock);

  void set_found(std::vector<FoundDevice> found) override;
  Result<std::unique_ptr<Place>> choose(const std::string& channel, const std::vector<Rung>& rungs,
                                        const TrackInfo& source) override;
  Result<std::vector<DeviceHelp>> help(const std::string& channel, const std::vector<Rung>& rungs,
                                       const TrackInfo& source) const override;
  std::vector<DeviceStatus> status() const override;

 private:
  struct Device;
  class DevicePlace;
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Null: the CPU's.
  Result<std::shared_ptr<Device>> best(const std::string& channel, const std::vector<Rung>& rungs,
                                       const TrackInfo& source) const REQUIRES(mutex_);
  bool is_usable(const Device& device, const TrackInfo& source, int encoders, TimePoint now) const
      REQUIRES(mutex_);
  bool is_left_to_others(const std::string& channel, const Device& device, TimePoint now) const
      REQUIRES(mutex_);
  void give_back(const DevicePlace& place);
  void failed(const DevicePlace& place, std::string_view why);
  bool count_failure(const DevicePlace& place, std::string_view why);
  void forget_old_failures(TimePoint now) REQUIRES(mutex_);

  const DevicePolicy policy_;
  Metrics& metrics_;
  const Clock& clock_;
  Gauge on_cpu_;

  mutable Mutex mutex_;
  std::vector<std::shared_ptr<Device>> devices_ GUARDED_BY(mutex_);
  /// By channel and device.
  std::map<std::pair<std::string, std::string>, LeaveOut> failures_ GUARDED_BY(mutex_);
};

}  // namespace millrace::transcode
