#pragma once
// The round trips that were measured to hosts, so that a caller that comes again is given the
// latency that its network needs: SRT agrees on it before it has measured anything.
//
// One thread at a time. Times are the caller's.
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace millrace::net::srt {

class RoundTrips {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Past it the host that was heard of longest ago is forgotten.
  static constexpr std::size_t kMaxHosts = 10'000;
  /// A network of an hour ago says nothing of now.
  static constexpr std::chrono::hours kMemory{1};

  void remember(const std::string& host, std::chrono::microseconds round_trip, TimePoint now);
  std::optional<std::chrono::microseconds> find(const std::string& host, TimePoint now) const;
  std::size_t size() const { return hosts_.size(); }

 private:
  struct Entry {
    std::chrono::microseconds round_trip{};
    TimePoint at;
  };
  std::map<std::string, Entry> hosts_;
};

}  // namespace millrace::net::srt
