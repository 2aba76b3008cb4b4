#pragma once
// A thread for what is done again and again and may wait for the disk, so that no event loop has
// to.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace millrace::app {

class PeriodicThread {
 public:
  /// `work` is called on the thread, at once and then so long after each end of it. What it uses
  /// outlives this.
  PeriodicThread(std::chrono::milliseconds every, std::function<void()> work);
  /// Joins the thread.
  ~PeriodicThread();

 private:
  void run(const std::stop_token& stop);

  const std::chrono::milliseconds every_;
  const std::function<void()> work_;
  std::mutex mutex_;  // Not base's Mutex: the condition variable wants the standard one.
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace millrace::app
