#pragma once
// What is kept on disk for rewinding: one thread writes, two read, each with a bounded queue.
//
// Thread: any; nothing here waits for the disk but open() and the destructor.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "hls/dvr/dvr_files.h"
#include "hls/dvr/dvr_options.h"
#include "hls/dvr/dvr_place.h"

namespace millrace::hls {

/// What of a place is read.
enum class DvrObject { kSegment, kInit };

class DvrStore {
 public:
  /// On a reader's thread; empty where it cannot be read (any more).
  using Done = std::function<void(Bytes)>;

  /// Reads what there is. Errors as those of DvrFiles::open(). `metrics` and `clock` outlive it.
  static Result<std::shared_ptr<DvrStore>> open(DvrOptions options, Metrics& metrics,
                                                const Clock& clock);
  /// Writes and reads what is queued.
  ~DvrStore();
  DvrStore(const DvrStore&) = delete;
  DvrStore& operator=(const DvrStore&) = delete;

  const DvrOptions& options() const { return options_; }
  /// What was there at the start; once, before threads share the store.
  std::vector<DvrFound> take_found() { return std::move(found_); }

  /// Queues it; where the queue is full, or later the disk does not take it, its place is lost.
  void append(DvrJob job);
  /// `done` is called once. False where too much waits or is under way: then it is not called.
  bool read(std::shared_ptr<const DvrPlace> place, DvrObject object, Done done);
  /// `task` runs once on a reader's thread: what would hold up an event loop. False as above.
  bool run(std::function<void()> task);
  /// Waits until all that was queued is done.
  void drain();

 private:
  class Lease;

  DvrStore(DvrOptions options, Metrics& metrics, const Clock& clock);
  void write_queued(const std::stop_token& stop);
  void write(const DvrJob& job);
  void leave_out(const DvrJob& job, Counter reason);
  void run_queued(const std::stop_token& stop);
  Bytes read_now(const DvrPlace& place, const DvrRange& range, std::shared_ptr<Lease> lease);

  const DvrOptions options_;
  const Clock& clock_;
  Counter written_;
  Counter left_out_queue_;
  Counter left_out_limit_;
  Counter left_out_error_;
  Gauge queued_bytes_gauge_;
  Counter reads_;
  Counter reads_failed_;
  Counter reads_refused_;
  Gauge reads_gauge_;

  DvrFiles files_;                 ///< The writer's, once it runs.
  std::set<std::string> failing_;  ///< The writer's: CHANNEL/RENDITION that the log has told.
  std::vector<DvrFound> found_;
  /// What is to be read, and what was and is not let go of by whom it was for.
  const std::shared_ptr<std::atomic<std::size_t>> read_bytes_ =
      std::make_shared<std::atomic<std::size_t>>(0);

  std::mutex mutex_;  // Not base's Mutex: the condition variables want the standard one.
  std::condition_variable_any wake_writer_;
  std::condition_variable_any wake_reader_;
  std::condition_variable_any idle_;
  std::deque<DvrJob> jobs_;
  std::size_t queued_bytes_ = 0;             ///< Of jobs_, and of what is being written.
  std::deque<std::function<void()>> tasks_;  ///< The readers'.
  std::size_t tasks_under_way_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace millrace::hls
