#pragma once
// What /api/v1/channels says.
//
// Thread: any.
#include <chrono>

#include "app/channels.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace millrace::app {

enum class Audience { kViewers, kOperator };

/// For viewers made once a second however many ask: with many channels it takes its time, which is
/// the event loop's, and anybody may ask for it without a pause. An operator sees what he has done.
class ChannelList {
 public:
  static constexpr std::chrono::seconds kKept{1};

  /// All references outlive it.
  ChannelList(const Channels& channels, const Clock& clock, Audience audience)
      : channels_(channels), clock_(clock), audience_(audience) {}

  /// JSON; viewers' is at most kKept old, and what it takes to make one.
  Bytes text();

 private:
  const Channels& channels_;
  const Clock& clock_;
  const Audience audience_;
  Mutex mutex_;
  Bytes text_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point made_at_ GUARDED_BY(mutex_);
};

}  // namespace millrace::app
