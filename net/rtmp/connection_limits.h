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
  /// One whose address is not known yet: in all alone.
  bool try_add_unknown();
  /// Now it is. False where there are too many of it, and then it stays unknown.
  bool try_make_known(const std::string& address);
  /// Of a connection that was counted.
  void remove(const std::string& address);
  void remove_unknown();

 private:
  bool try_count(const std::string& address) REQUIRES(mutex_);

  const std::size_t max_in_all_;
  const std::size_t max_per_address_;
  Mutex mutex_;
  std::size_t in_all_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, std::size_t> per_address_ GUARDED_BY(mutex_);
};

}  // namespace millrace::net::rtmp
