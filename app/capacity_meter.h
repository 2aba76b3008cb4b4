#pragma once
// The thread on which the machine is looked at once a second: it reads files, so it is no event
// loop.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "transcode/transcode.h"

namespace millrace::app {

class CapacityMeter {
 public:
  /// `capacity` outlives it.
  explicit CapacityMeter(transcode::Capacity& capacity);
  /// Joins the thread.
  ~CapacityMeter();

 private:
  void run(const std::stop_token& stop);

  transcode::Capacity& capacity_;
  std::mutex mutex_;  // Not base's Mutex: the condition variable wants the standard one.
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace millrace::app
