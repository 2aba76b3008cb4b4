#pragma once
// Which of the rungs that somebody wants may be encoded: a channel's places on the machine.
//
// A rung that does not fit, or was shed, is refused. Every few seconds it is looked whether it
// would fit now; then it is admitted, if somebody wants it still. One whose worker has come to
// another device, or from it to the CPU, is admitted anew by what it costs there.
//
// Thread: the channel's loop.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "transcode/transcode.h"

namespace millrace::app {

class RungAdmission {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Helps = std::vector<std::optional<transcode::DeviceHelp>>;

  /// References outlive it.
  RungAdmission(std::string channel, int priority, transcode::Profile profile,
                MediaTime part_target, transcode::Capacity& capacity,
                const transcode::Devices& devices, Metrics& metrics);
  ~RungAdmission();

  /// Other rungs, or another source: all places are given back, and nothing is refused.
  void set_rungs(const std::vector<transcode::Rung>& rungs,
                 const std::shared_ptr<const TrackInfo>& source);
  /// Those of `wanted` that may be encoded. Places of the others are given back. `helps`: as
  /// transcode::Ladder's.
  std::vector<bool> admit(const std::vector<bool>& wanted, const Helps& helps, TimePoint now);
  /// Nothing is encoded any more: all places are given back.
  void give_back();
  /// Where other machines encode them: all of `wanted`. All places are given back, and nothing is
  /// refused.
  std::vector<bool> admit_elsewhere(std::vector<bool> wanted);
  bool is_refused(std::size_t rung) const { return rungs_[rung].is_refused; }

 private:
  struct State {
    transcode::RungRequest request;
    std::unique_ptr<transcode::Capacity::Place> place;
    bool is_refused = false;
    TimePoint retry_at;
  };

  Result<transcode::DeviceHelp> help_of(std::size_t rung, const std::vector<bool>& wanted,
                                        const Helps& helps) const;
  bool is_charged_rightly(std::size_t rung, const std::vector<bool>& wanted,
                          const Helps& helps) const;
  bool admit(std::size_t rung, const std::vector<bool>& wanted, const Helps& helps, TimePoint now);
  void refuse(State& state, const std::string& why, TimePoint now);
  void show();

  const transcode::RungRequest like_;
  transcode::Capacity& capacity_;
  const transcode::Devices& devices_;
  Gauge refused_;
  std::vector<State> rungs_;
  std::size_t shown_ = 0;  ///< Of what `refused_` has.
};

}  // namespace millrace::app
