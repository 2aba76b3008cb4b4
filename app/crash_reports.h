#pragma once
// Files of what workers were doing that crashed: `millrace-transcoder --replay FILE` does it again.
//
// Any thread; the disk is touched by a thread of its own, never by the caller's.
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/metrics.h"
#include "transcode/transcode.h"

namespace millrace::app {

class CrashReports {
 public:
  /// The newest so many files of the folder are kept; others of its files are left alone.
  static constexpr std::size_t kMostFiles = 20;
  /// Reports that wait for the disk; another one is dropped.
  static constexpr std::size_t kMostQueued = 4;

  /// `folder` is made where it is missing. References outlive it.
  CrashReports(std::string folder, Metrics& metrics, const Clock& clock);
  /// Writes what is queued.
  ~CrashReports();

  void add(transcode::WorkerCrash crash);

 private:
  void run(const std::stop_token& stop);
  void write(const transcode::WorkerCrash& crash);
  void prune() const;

  const std::string folder_;
  const Clock& clock_;
  Counter written_, dropped_, failed_;
  std::size_t count_ = 0;  ///< The thread's: no two names are the same.
  std::mutex mutex_;       // Not base's Mutex: the condition variable wants the standard one.
  std::condition_variable_any wake_;
  std::deque<transcode::WorkerCrash> queued_;
  std::jthread thread_;
};

}  // namespace millrace::app
