#pragma once
// Remembers, over a restart of the server, which segment numbers each channel may have used, so
// that they never run back even when the wall clock does (design.md §2).
//
// Any thread; the disk is touched by a thread of its own, never by the caller's.
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "media/media_time.h"

namespace millrace::app {

struct ChannelState {
  SegmentNumber next_segment = 0;  ///< No number from here on was ever used.
  std::uint64_t discontinuity_sequence = 0;
  MediaTime promised_target{};  ///< The longest GOP's promise of earlier shows.
  friend bool operator==(const ChannelState&, const ChannelState&) = default;
};

/// A text file to which a line is appended for each change, the newest line of a channel counts;
/// written anew at each start and whenever most of it is out of date.
class StateStore {
 public:
  /// Reads what there is; a line that cannot be read is skipped and logged. An empty path keeps
  /// nothing. kSystem: the file is there and cannot be read, or it cannot be written.
  static Result<std::unique_ptr<StateStore>> open(std::string path, Metrics& metrics);
  /// Writes what is queued.
  ~StateStore();

  /// What was recorded before this start, if anything.
  const ChannelState* find(const std::string& channel) const;
  /// Of the channels that find() has.
  std::vector<std::string> names() const;
  /// Queues the record; it reaches the disk within moments. A channel's later record replaces a
  /// queued earlier one, so the queue has one entry a channel at most.
  void record(const std::string& channel, const ChannelState& state);

 private:
  StateStore(std::string path, Metrics& metrics);
  using States = std::map<std::string, ChannelState>;

  bool load();
  bool rewrite();
  void write_queued(const std::stop_token& stop);
  bool write(const States& batch);
  bool append(const std::string& lines);
  void queue_again(States batch);

  const std::string path_;
  Counter write_errors_;
  States loaded_;  ///< Not changed once open() has returned.
  // The writer's, once it runs.
  States newest_;
  int descriptor_ = -1;
  std::size_t file_bytes_ = 0;
  std::size_t rewritten_bytes_ = 0;  ///< What the file had when it was last written anew.
  bool has_torn_line_ = false;       ///< At the file's end, and it could not be cut off.
  std::mutex mutex_;  // Not base's Mutex: the condition variable wants the standard one.
  std::condition_variable_any wake_;
  States queued_;
  std::jthread writer_;
};

}  // namespace millrace::app
