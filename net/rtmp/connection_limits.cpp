#include "net/rtmp/connection_limits.h"

#include "base/check.h"

namespace millrace::net::rtmp {

bool ConnectionLimits::try_add(const std::string& address) {
  MutexLock lock(mutex_);
  if (in_all_ >= max_in_all_ || !try_count(address)) return false;
  ++in_all_;
  return true;
}

bool ConnectionLimits::try_add_unknown() {
  MutexLock lock(mutex_);
  if (in_all_ >= max_in_all_) return false;
  ++in_all_;
  return true;
}

bool ConnectionLimits::try_make_known(const std::string& address) {
  MutexLock lock(mutex_);
  return try_count(address);
}

bool ConnectionLimits::try_count(const std::string& address) {
  if (max_per_address_ == 0) return false;
  auto& count = per_address_[address];
  if (count >= max_per_address_) return false;
  ++count;
  return true;
}

void ConnectionLimits::remove(const std::string& address) {
  MutexLock lock(mutex_);
  const auto found = per_address_.find(address);
  CHECK(found != per_address_.end() && in_all_ > 0);
  if (--found->second == 0) per_address_.erase(found);
  --in_all_;
}

void ConnectionLimits::remove_unknown() {
  MutexLock lock(mutex_);
  CHECK(in_all_ > 0);
  --in_all_;
}

}  // namespace millrace::net::rtmp
