#pragma once
// For a rung of fewer pictures per second than its source has: every n-th picture, counted from the
// one that opens the segment, so that segments begin with the same picture in all rungs.
//
// Thread: one at a time.
#include <functional>
#include <optional>

#include "transcode/frame.h"
#include "transcode/transcode.h"

namespace millrace::transcode {

class FrameThinner {
 public:
  using Handler = std::function<void(Frame)>;

  /// `every`: n, from 1.
  explicit FrameThinner(int every) : every_(every) {}

  /// Whether the source's next picture stays. Those that open a segment, begin a discontinuity or
  /// follow a gap do, and the counting begins anew with them.
  bool stays(const Picture& picture) const;
  /// The source's next picture; its planes are of interest where it stays. Hands on what is
  /// complete: a picture lasts until the next one that stays, so it is known n - 1 pictures of the
  /// source later.
  void push(Frame frame, const Handler& on_frame);
  /// The picture still held.
  void drain(const Handler& on_frame);

 private:
  const int every_;
  int count_ = 0;  ///< Pictures since the one held, it included.
  std::optional<Frame> held_;
};

/// The pictures that `rung` gets of `source`: fewer of them.
VideoParameters thinned(const VideoParameters& source, const Rung& rung);

}  // namespace millrace::transcode
