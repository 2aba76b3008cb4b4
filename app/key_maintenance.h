#pragma once
// The thread on which the keys' authority reads its file and gives delayed answers: the disk may
// make it wait, so it is no event loop.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ingest/ingest.h"

namespace millrace::app {

class KeyMaintenance {
 public:
  /// `keys` outlives it.
  explicit KeyMaintenance(ingest::KeyAuthority& keys);
  /// Joins the thread.
  ~KeyMaintenance();

 private:
  void run(const std::stop_token& stop);

  ingest::KeyAuthority& keys_;
  std::mutex mutex_;  // Not base's Mutex: the condition variable wants the standard one.
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace millrace::app
