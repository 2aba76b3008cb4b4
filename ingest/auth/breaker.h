#pragma once
// Does not ask again at once who does not answer: after some failures in a row nobody is asked for
// a while, then one, whose answer decides. One thread at a time.
#include <chrono>

namespace millrace::ingest {

class Breaker {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr int kFailures = 5;
  static constexpr std::chrono::seconds kPause{10};

  /// Whether to ask now. Where this says so, succeeded(), failed() or not_asked() follows.
  bool may_ask(TimePoint now) {
    if (!is_open()) return true;
    if (is_probing_ || now < again_at_) return false;
    is_probing_ = true;
    return true;
  }
  void succeeded() {
    failures_ = 0;
    is_probing_ = false;
  }
  void failed(TimePoint now) {
    is_probing_ = false;
    if (++failures_ >= kFailures) again_at_ = now + kPause;
  }
  /// There was no room to ask: that says nothing of who would have been asked.
  void not_asked() { is_probing_ = false; }
  bool is_open() const { return failures_ >= kFailures; }

 private:
  int failures_ = 0;
  bool is_probing_ = false;
  TimePoint again_at_;
};

}  // namespace millrace::ingest
