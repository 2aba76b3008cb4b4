#pragma once
// Segments of MPEG-TS, all channels together: made when they are first asked for, and once for as
// long as they are kept.
//
// Thread: any. Who asks for what is being made waits for it; no lock is held meanwhile.
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"

namespace millrace::hls {

class TsCache {
 public:
  /// Both outlive it.
  TsCache(std::size_t max_bytes, Metrics& metrics, const Clock& clock);

  /// What `make` gave for the key. Empty where it gave an error, which is counted and, for the
  /// first one in a while, logged; the next who asks lets it try again.
  Bytes get(const std::string& key, const std::function<Result<Bytes>()>& make);
  /// Lets go of what was made so long ago that hardly anybody asks for it.
  void tick();

 private:
  struct Entry {
    std::once_flag once;
    Bytes bytes;
  };
  struct Made {
    std::string key;
    std::chrono::steady_clock::time_point at;
  };

  Bytes make_now(const std::string& key, const std::function<Result<Bytes>()>& make);
  void keep(const std::string& key, std::size_t bytes);
  void drop_oldest() REQUIRES(mutex_);

  const std::size_t max_bytes_;
  const Clock& clock_;
  Gauge bytes_gauge_;
  Counter made_;
  Counter failed_;
  Histogram make_seconds_;

  Mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_ GUARDED_BY(mutex_);
  std::deque<Made> oldest_first_ GUARDED_BY(mutex_);  ///< Of what is made.
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::optional<std::chrono::steady_clock::time_point> told_at_ GUARDED_BY(mutex_);
};

}  // namespace millrace::hls
