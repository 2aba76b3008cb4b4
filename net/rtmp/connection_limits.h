#pragma once
// How many connections there are, in all and from each address. Any thread.
#include <cstddef>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace millrace::net::rtmp {

class ConnectionLimits {
 public:
  ConnectionLimits(std::size_t max_in_all, std::size_t max_per_address)
      : max_in_all_(max_in_all), max_per_address_(max_per_address) {}

  /// Counts a connection, unless there are too many; then false.
  bool try_add(const std::string& address);
  /// Of a connection that was counted.
  void remove(const std::string& address);

 private:
  const std::size_t max_in_all_;
  const std::size_t max_per_address_;
  Mutex mutex_;
  std::size_t in_all_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, std::size_t> per_address_ GUARDED_BY(mutex_);
};

}  // namespace millrace::net::rtmp
