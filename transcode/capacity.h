#pragma once
// transcode.h's Capacity. Costs are CPU seconds per picture, by kind of work; until one has been
// seen they are guessed. The limit is a share of the cores, less what everything but the workers
// uses: the source renditions and their delivery come first.
//
// Any thread.
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

/// Pictures of one size through one codec.
struct Work {
  std::string name;        ///< "encode h264 superfast 1280x720", for people and as a key.
  double first_guess = 0;  ///< CPU seconds per picture.
  bool is_encoding = false;
  double pictures_per_second = 0;
};

/// Decoding the source, and scaling it for its rungs. What a device does leaves the CPU little.
Work decoding_of(const TrackInfo& source, bool is_on_device = false);
Work encoding_of(const Rung& rung, Profile profile, const TrackInfo& source, MediaTime part_target,
                 bool is_on_device = false);

class LearningCapacity final : public Capacity {
 public:
  LearningCapacity(CapacityOptions options, Metrics& metrics);

  Result<std::unique_ptr<Place>> admit(const RungRequest& request) override;
  bool would_fit(const RungRequest& request) const override;
  void measure() override;
  CapacityStatus status() const override;
  void observe(const Work& work, std::uint64_t pictures, std::chrono::nanoseconds cpu) override;
  void observe_drops() override;

  /// Of measure(). `busy`: CPU time that the cores have spent up to `now` on whatever.
  void look(std::chrono::nanoseconds busy, std::chrono::steady_clock::time_point now);

 private:
  struct Charge;
  class RungPlace;

  static Charge charge_of(const RungRequest& request);
  double cost(const Work& work) const REQUIRES(mutex_);
  double charged(const Charge* with = nullptr, std::optional<int> least_priority = {}) const
      REQUIRES(mutex_);
  double budget() const REQUIRES(mutex_);
  RungPlace* first_to_go(std::optional<int> below) REQUIRES(mutex_);
  void shed(RungPlace& place, const char* why) REQUIRES(mutex_);
  void give_back(const RungPlace& place);

  const CapacityOptions options_;
  Counter refused_, shed_;
  Gauge others_gauge_, charged_gauge_;

  mutable Mutex mutex_;
  std::map<std::string, double> learned_ GUARDED_BY(mutex_);  ///< CPU seconds per picture.
  double machine_ GUARDED_BY(mutex_) = 1;              ///< What encoding costs, over the guess.
  std::vector<RungPlace*> places_ GUARDED_BY(mutex_);  ///< In the order of admission.
  double others_ GUARDED_BY(mutex_) = 0;               ///< In cores.
  std::chrono::nanoseconds workers_cpu_ GUARDED_BY(mutex_){};  ///< Since the last look.
  std::optional<std::chrono::nanoseconds> busy_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point looked_at_ GUARDED_BY(mutex_);
  bool has_dropped_ GUARDED_BY(mutex_) = false;
  int tight_for_ GUARDED_BY(mutex_) = 0;  ///< Looks.
};

}  // namespace millrace::transcode
