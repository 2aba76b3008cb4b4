#pragma once
#include "base/result.h"

namespace millrace {

/// Where a stage delivers its output. Called from one thread at a time. `push` never blocks: a sink
/// that cannot keep up drops by its own written rule and counts it. An error ends the stream.
template <typename Item>
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status push(Item item) = 0;
  virtual Status finish() = 0;  ///< Nothing follows; hand on what is held back.
};

}  // namespace millrace
