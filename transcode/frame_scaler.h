#pragma once
// A ladder's pictures from one decoded picture: each rung is scaled from the next larger one, in
// 8-bit 4:2:0. Deeper or other source formats are converted by swscale on the way into the first
// rung; high dynamic range is tone-mapped before, or kept in a cascade of its own with 10 bits.
// What a device holds is scaled there, and copied to memory for rungs that the device has no
// encoder for.
//
// Thread: one at a time; the frames it returns may go to any.
#include <array>
#include <memory>
#include <vector>

#include "transcode/device.h"
#include "transcode/frame.h"
#include "transcode/frame_pool.h"
#include "transcode/polyphase_scaler.h"
#include "transcode/transcode.h"

struct SwsContext;

namespace millrace::transcode {

class ToneMapper;

/// One step of a cascade: from one size (and format) to a rung's.
class FrameScaler {
 public:
  /// `format`: 4:2:0 of 8 or 10 bits.
  FrameScaler(int width, int height, AVPixelFormat format = AV_PIX_FMT_YUV420P);
  ~FrameScaler();
  FrameScaler(const FrameScaler&) = delete;
  FrameScaler& operator=(const FrameScaler&) = delete;

  /// Takes its planes from a pool. A picture that has the size and format already is shared, not
  /// copied. Empty where swscale knows no way.
  FramePointer scale(const AVFrame& input);

 private:
  void prepare(const AVFrame& input);
  void scale_planes(const AVFrame& input, AVFrame& output);

  struct Free {
    void operator()(SwsContext* context) const;
  };
  int width_, height_;
  AVPixelFormat format_;
  int input_width_ = 0, input_height_ = 0, input_format_ = -1, input_siting_ = -1;
  FramePool pool_;
  std::unique_ptr<SwsContext, Free> converter_;  ///< Where the format differs.
  std::unique_ptr<PolyphaseScaler> luma_, chroma_;
};

class FrameCascade {
 public:
  /// Largest first. `device` (null: none) outlives it.
  explicit FrameCascade(const std::vector<Rung>& rungs, Device* device = nullptr);
  ~FrameCascade();

  /// A picture for each rung that is `wanted`, in their order, and perhaps for others; empty where
  /// the source cannot be converted. `colour`: what the source's track says. An error is the
  /// device's.
  Result<std::vector<FramePointer>> scale(const AVFrame& source, const std::vector<bool>& wanted,
                                          const Colour& colour = {});

 private:
  struct Step {
    Rung rung;
    std::unique_ptr<FrameScaler> scaler;
    std::unique_ptr<FrameScaler> deep_scaler;  ///< Where the rung may keep high dynamic range.
    std::unique_ptr<DeviceScaler> on_device;
    bool has_encoder = false;  ///< The device, for this rung.
  };
  Result<std::vector<FramePointer>> scale_on_device(const AVFrame& source,
                                                    const std::vector<bool>& wanted);

  Device* const device_;
  std::vector<Step> steps_;
  std::unique_ptr<ToneMapper> tone_mapper_;  ///< Of the largest rung that keeps nothing.
};

}  // namespace millrace::transcode
