#include "transcode/devices.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "transcode/encoder_settings.h"
#include "transcode/hdr.h"

namespace millrace::transcode {
namespace {

using std::chrono::seconds;

constexpr seconds kChannelFirst(30), kChannelLongest(1800);
constexpr seconds kDeviceFirst(10), kDeviceLongest(600);
// A worker that ran as long shows that the device is well.
constexpr seconds kGoodRun(10);
// Of channels that have failed on a device, remembered.
constexpr std::size_t kMostFailures = 4096;

bool has(const std::vector<Codec>& codecs, Codec codec) {
  return std::find(codecs.begin(), codecs.end(), codec) != codecs.end();
}

/// Pixels per second through its decoder and encoders.
double load_of(const std::vector<Rung>& rungs, const TrackInfo& source) {
  double pixels = static_cast<double>(source.video.width) * source.video.height;
  for (const auto& rung : rungs)
    pixels += static_cast<double>(rung.width) * rung.height / rung.every;
  return pixels * 1e9 / static_cast<double>(frame_duration(source.video).count());
}

Gauge ladders_gauge(Metrics& metrics, const std::string& device) {
  return metrics.gauge("millrace_transcode_device_ladders",
                       "Workers by the device that they run on; cpu: on none.",
                       {{"device", device}});
}

}  // namespace

void LeaveOut::failed(TimePoint now) {
  length_ = std::clamp(length_ * 2, first_, longest_);
  until_ = now + length_;
}

struct RankedDevices::Device {
  FoundDevice found;
  Gauge ladders_gauge, encoders_gauge, usable_gauge;
  Counter failures_counter;
  int ladders = 0;
  int encoders = 0;
  double load = 0;  ///< Pixels per second.
  LeaveOut left_out{kDeviceFirst, kDeviceLongest};
  std::string last_failed_channel = {};  ///< Since a worker ran well.
  std::string last_failure = {};

  DeviceHelp help(const Rung& rung) const {
    return {.decodes = true, .encodes = has(found.encodes, rung.codec)};
  }
  int encoders_for(const std::vector<Rung>& rungs) const {
    return static_cast<int>(std::count_if(rungs.begin(), rungs.end(), [this](const auto& rung) {
      return has(found.encodes, rung.codec);
    }));
  }
  void show() {
    ladders_gauge.set(ladders);
    encoders_gauge.set(encoders);
  }
};

class RankedDevices::DevicePlace final : public Place {
 public:
  /// `device`: null for the CPU.
  DevicePlace(RankedDevices& devices, std::shared_ptr<Device> device, std::string channel,
              int encoders, double load)
      : devices_(devices),
        device_(std::move(device)),
        name_(device_ ? device_->found.name : ""),
        channel_(std::move(channel)),
        encoders_(encoders),
        load_(load),
        began_(devices.clock_.steady_now()) {}
  ~DevicePlace() override { devices_.give_back(*this); }
  DevicePlace(const DevicePlace&) = delete;
  DevicePlace& operator=(const DevicePlace&) = delete;

  const std::string& device() const override { return name_; }
  DeviceHelp help(const Rung& rung) const override {
    return device_ ? device_->help(rung) : DeviceHelp{};
  }
  void failed(std::string_view why) override {
    has_failed_ = true;
    if (device_) devices_.failed(*this, why);
  }

  RankedDevices& devices_;
  const std::shared_ptr<Device> device_;
  const std::string name_;
  const std::string channel_;
  const int encoders_;
  const double load_;
  const TimePoint began_;
  bool has_failed_ = false;
};

RankedDevices::RankedDevices(DevicePolicy policy, Metrics& metrics, const Clock& clock)
    : policy_(policy), metrics_(metrics), clock_(clock), on_cpu_(ladders_gauge(metrics, "cpu")) {}

std::unique_ptr<Devices> create_devices(DevicePolicy policy, Metrics& metrics, const Clock& clock) {
  return std::make_unique<RankedDevices>(policy, metrics, clock);
}

void RankedDevices::set_found(std::vector<FoundDevice> found) {
  const MutexLock lock(mutex_);
  devices_.clear();
  for (auto& one : found) {
    const Labels labels{{"device", one.name}};
    auto device = std::make_shared<Device>(Device{
        .found = {},
        .ladders_gauge = ladders_gauge(metrics_, one.name),
        .encoders_gauge = metrics_.gauge("millrace_transcode_device_encoders",
                                         "Encoders that are open on a device.", labels),
        .usable_gauge =
            metrics_.gauge("millrace_transcode_device_usable",
                           "1: the probe at the start found that it can decode.", labels),
        .failures_counter =
            metrics_.counter("millrace_transcode_device_failures_total",
                             "Workers that ended by themselves, or hung, on a device.", labels)});
    device->usable_gauge.set(one.problem.empty() ? 1 : 0);
    device->found = std::move(one);
    device->show();
    devices_.push_back(std::move(device));
  }
}

// --- Choice -------------------------------------------------------------------------------------

bool RankedDevices::is_usable(const Device& device, const TrackInfo& source, int encoders,
                              TimePoint now) const {
  // Deeper sources, those of high dynamic range and those with fields are the CPU's.
  return device.found.problem.empty() && source.video.bit_depth == 8 &&
         !is_hdr(source.video.colour) && !source.video.is_interlaced &&
         has(device.found.decodes, source.codec) && device.left_out.is_over(now) &&
         (device.found.sessions == 0 || device.encoders + encoders <= device.found.sessions);
}

bool RankedDevices::is_left_to_others(const std::string& channel, const Device& device,
                                      TimePoint now) const {
  const auto failure = failures_.find({channel, device.found.name});
  return failure != failures_.end() && !failure->second.is_over(now);
}

Result<std::shared_ptr<RankedDevices::Device>> RankedDevices::best(const std::string& channel,
                                                                   const std::vector<Rung>& rungs,
                                                                   const TrackInfo& source) const {
  const auto now = clock_.steady_now();
  std::shared_ptr<Device> best;
  if (policy_ != DevicePolicy::kCpu)
    for (const auto& device : devices_)
      if (is_usable(*device, source, device->encoders_for(rungs), now) &&
          !is_left_to_others(channel, *device, now) && (!best || device->load < best->load))
        best = device;
  if (!best && policy_ == DevicePolicy::kGpuOnly)
    return Error{ErrorCode::kLimitExceeded,
                 fmt::format("transcode.devices: gpu-only, and none of {} devices can take it",
                             devices_.size())};
  return best;
}

Result<std::unique_ptr<Devices::Place>> RankedDevices::choose(const std::string& channel,
                                                              const std::vector<Rung>& rungs,
                                                              const TrackInfo& source) {
  const MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto best, this->best(channel, rungs, source));
  auto place =
      std::make_unique<DevicePlace>(*this, best, channel, best ? best->encoders_for(rungs) : 0,
                                    best ? load_of(rungs, source) : 0);
  if (best) {
    ++best->ladders;
    best->encoders += place->encoders_;
    best->load += place->load_;
    best->show();
  } else {
    on_cpu_.add(1);
  }
  return std::unique_ptr<Place>(std::move(place));
}

Result<std::vector<DeviceHelp>> RankedDevices::help(const std::string& channel,
                                                    const std::vector<Rung>& rungs,
                                                    const TrackInfo& source) const {
  const MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto best, this->best(channel, rungs, source));
  std::vector<DeviceHelp> helps;
  helps.reserve(rungs.size());
  for (const auto& rung : rungs) helps.push_back(best ? best->help(rung) : DeviceHelp{});
  return helps;
}

// --- Failure ------------------------------------------------------------------------------------

void RankedDevices::give_back(const DevicePlace& place) {
  const MutexLock lock(mutex_);
  if (!place.device_) return on_cpu_.add(-1);
  Device& device = *place.device_;
  --device.ladders;
  device.encoders -= place.encoders_;
  device.load -= place.load_;
  device.show();
  if (place.has_failed_ || clock_.steady_now() - place.began_ < kGoodRun) return;
  device.left_out.succeeded();
  device.last_failed_channel.clear();
  failures_.erase({place.channel_, place.name_});
}

void RankedDevices::failed(const DevicePlace& place, std::string_view why) {
  if (!count_failure(place, why)) return;
  log::error("transcode",
             "device is left out: two channels' workers failed on it device={} why=\"{}\"",
             place.name_, why);
}

/// Whether the device is left out for it.
bool RankedDevices::count_failure(const DevicePlace& place, std::string_view why) {
  const auto now = clock_.steady_now();
  const MutexLock lock(mutex_);
  Device& device = *place.device_;
  device.failures_counter.increment();
  device.last_failure = fmt::format("channel {}: {}", place.channel_, why);
  forget_old_failures(now);
  failures_.try_emplace({place.channel_, place.name_}, kChannelFirst, kChannelLongest)
      .first->second.failed(now);
  const bool is_another =
      !device.last_failed_channel.empty() && device.last_failed_channel != place.channel_;
  device.last_failed_channel = place.channel_;
  if (is_another) device.left_out.failed(now);
  return is_another;
}

void RankedDevices::forget_old_failures(TimePoint now) {
  if (failures_.size() < kMostFailures) return;
  std::erase_if(failures_, [now](const auto& entry) { return entry.second.is_over(now); });
  if (failures_.size() >= kMostFailures) failures_.clear();
}

std::vector<DeviceStatus> RankedDevices::status() const {
  const auto now = clock_.steady_now();
  const MutexLock lock(mutex_);
  std::vector<DeviceStatus> all;
  for (const auto& device : devices_)
    all.push_back({.found = device->found,
                   .ladders = device->ladders,
                   .encoders = device->encoders,
                   .is_left_out = !device->left_out.is_over(now),
                   .last_failure = device->last_failure});
  return all;
}

}  // namespace millrace::transcode
