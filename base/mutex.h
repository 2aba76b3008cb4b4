#pragma once
// std::mutex with the annotations that clang's thread-safety analysis needs (libstdc++ has none).
#include <mutex>

#if defined(__clang__)
#define MILLRACE_ATTRIBUTE(x) __attribute__((x))
#else
#define MILLRACE_ATTRIBUTE(x)
#endif
#define GUARDED_BY(mutex) MILLRACE_ATTRIBUTE(guarded_by(mutex))
#define REQUIRES(...) MILLRACE_ATTRIBUTE(requires_capability(__VA_ARGS__))

namespace millrace {

class MILLRACE_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() MILLRACE_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() MILLRACE_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class MILLRACE_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MILLRACE_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() MILLRACE_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace millrace
