#pragma once
// Where stages have the planes of their pictures from, again and again.
//
// Thread: one at a time; the pictures may go to any, and outlive it.
#include <memory>

#include "transcode/frame.h"

struct AVBufferPool;

namespace millrace::transcode {

/// Of one size and format at a time.
class FramePool {
 public:
  /// What `like` says of itself is copied, but for its size and format.
  FramePointer take(AVPixelFormat format, const AVFrame& like, int width, int height);

 private:
  struct Free {
    void operator()(AVBufferPool* pool) const;
  };
  std::unique_ptr<AVBufferPool, Free> pool_;
  int size_ = 0;
};

}  // namespace millrace::transcode
