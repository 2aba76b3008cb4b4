#include "app/periodic_thread.h"

#include <utility>

namespace millrace::app {

PeriodicThread::PeriodicThread(std::chrono::milliseconds every, std::function<void()> work)
    : every_(every),
      work_(std::move(work)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

PeriodicThread::~PeriodicThread() {
  thread_.request_stop();
  thread_.join();
}

void PeriodicThread::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    work_();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, every_, [] { return false; });
  }
}

}  // namespace millrace::app
