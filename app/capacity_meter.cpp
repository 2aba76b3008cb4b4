#include "app/capacity_meter.h"

#include <chrono>

namespace millrace::app {

CapacityMeter::CapacityMeter(transcode::Capacity& capacity)
    : capacity_(capacity), thread_([this](const std::stop_token& stop) { run(stop); }) {}

CapacityMeter::~CapacityMeter() {
  thread_.request_stop();
  thread_.join();
}

void CapacityMeter::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    capacity_.measure();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
  }
}

}  // namespace millrace::app
