#pragma once
// Progressive pictures of interlaced ones, as many and without a picture of delay: the first field
// stays, the second field's lines are made anew. Where nothing moves they are what the camera took;
// where something does they follow the edges of the first field's lines.
//
// Thread: one at a time; the frames it returns may go to any.
#include "transcode/frame.h"
#include "transcode/frame_pool.h"

namespace millrace::transcode {

class Deinterlacer {
 public:
  /// Both ways make the same pictures.
  explicit Deinterlacer(bool may_use_vectors = true);
  ~Deinterlacer() = default;
  Deinterlacer(const Deinterlacer&) = delete;
  Deinterlacer& operator=(const Deinterlacer&) = delete;

  /// The source's next picture. Progressive ones are handed back as they are, and so is what is not
  /// planar with 8 bits a sample.
  FramePointer process(FramePointer picture);

 private:
  const bool by_avx2_;
  FramePointer before_;  ///< The picture before this one, if it was interlaced.
  FramePool pool_;
};

}  // namespace millrace::transcode
