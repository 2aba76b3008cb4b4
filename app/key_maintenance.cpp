#include "app/key_maintenance.h"

#include <chrono>

namespace millrace::app {
namespace {

// An answer's delay is as exact as this, and so is a changed key file's.
constexpr std::chrono::milliseconds kStep(100);

}  // namespace

KeyMaintenance::KeyMaintenance(ingest::KeyAuthority& keys)
    : keys_(keys), thread_([this](const std::stop_token& stop) { run(stop); }) {}

KeyMaintenance::~KeyMaintenance() {
  thread_.request_stop();
  thread_.join();
}

void KeyMaintenance::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    keys_.maintain();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kStep, [] { return false; });
  }
}

}  // namespace millrace::app
