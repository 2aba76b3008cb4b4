#pragma once
// A ladder's pictures from one decoded picture: each rung is scaled from the next larger one, in
// 8-bit 4:2:0. Deeper or other source formats are converted by swscale on the way into the first
// rung; high dynamic range keeps its colour tags and loses only depth.
//
// Thread: one at a time; the frames it returns may go to any.
#include <array>
#include <memory>
#include <vector>

#include "transcode/frame.h"
#include "transcode/polyphase_scaler.h"
#include "transcode/transcode.h"

struct AVBufferPool;
struct SwsContext;

namespace millrace::transcode {

/// One step of a cascade: from one size (and format) to a rung's.
class FrameScaler {
 public:
  FrameScaler(int width, int height);
  ~FrameScaler();
  FrameScaler(const FrameScaler&) = delete;
  FrameScaler& operator=(const FrameScaler&) = delete;

  /// Takes its planes from a pool. A picture that has the size and format already is shared, not
  /// copied. Empty where swscale knows no way.
  FramePointer scale(const AVFrame& input);

 private:
  void prepare(const AVFrame& input);
  FramePointer allocate(const AVFrame& input);
  void scale_planes(const AVFrame& input, AVFrame& output);

  struct Free {
    void operator()(AVBufferPool* pool) const;
    void operator()(SwsContext* context) const;
  };
  int width_, height_;
  int input_width_ = 0, input_height_ = 0, input_format_ = -1, input_siting_ = -1;
  std::unique_ptr<AVBufferPool, Free> pool_;
  std::unique_ptr<SwsContext, Free> converter_;  ///< Where the format differs.
  std::unique_ptr<PolyphaseScaler> luma_, chroma_;
};

class FrameCascade {
 public:
  /// Largest first.
  explicit FrameCascade(const std::vector<Rung>& rungs);

  /// A picture for each rung that is `wanted`, in their order, and perhaps for others; empty where
  /// the source cannot be converted.
  std::vector<FramePointer> scale(const AVFrame& source, const std::vector<bool>& wanted);

 private:
  std::vector<std::unique_ptr<FrameScaler>> steps_;
};

}  // namespace millrace::transcode
