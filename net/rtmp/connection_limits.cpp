#include "net/rtmp/connection_limits.h"

#include "base/check.h"

namespace millrace::net::rtmp {

bool ConnectionLimits::try_add(const std::string& address) {
  MutexLock lock(mutex_);
  if (in_all_ >= max_in_all_ || max_per_address_ == 0) return false;
  auto& count = per_address_[address];
  if (count >= max_per_address_) return false;
  ++count;
  ++in_all_;
  return true;
}

void ConnectionLimits::remove(const std::string& address) {
  MutexLock lock(mutex_);
  const auto found = per_address_.find(address);
  CHECK(found != per_address_.end() && in_all_ > 0);
  if (--found->second == 0) per_address_.erase(found);
  --in_all_;
}

}  // namespace millrace::net::rtmp
