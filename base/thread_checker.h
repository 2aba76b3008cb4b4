#pragma once
// Says that an object's calls come from one thread, and aborts a debug build in which they do not.
#include <thread>

#include "base/check.h"

namespace millrace {

#ifdef NDEBUG
class ThreadChecker {
 public:
  void check() const {}
  void detach() {}
};
#else
class ThreadChecker {
 public:
  /// The first caller becomes the owner.
  void check() const {
    if (owner_ == std::thread::id{}) owner_ = std::this_thread::get_id();
    CHECK(owner_ == std::this_thread::get_id());
  }
  /// The object moves to another thread; the next caller becomes the owner.
  void detach() { owner_ = {}; }

 private:
  mutable std::thread::id owner_;
};
#endif

}  // namespace millrace
