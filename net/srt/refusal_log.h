#pragma once
// Log lines about refused connections, at most one in ten seconds for each address: a client that
// hammers fills no disk. Any thread.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"

namespace millrace::net::srt {

class RefusalLog {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kQuiet{10};
  /// Past it addresses share one entry.
  static constexpr std::size_t kMaxHosts = 1'000;

  /// How many refusals the line stands for, this one included; nothing: no line now.
  std::optional<std::uint64_t> note(const std::string& host, TimePoint now);

 private:
  struct Entry {
    TimePoint said_at;
    std::uint64_t unsaid = 0;
  };

  Mutex mutex_;
  std::map<std::string, Entry> entries_ GUARDED_BY(mutex_);
};

}  // namespace millrace::net::srt
