#pragma once
// What decodes, scales and encodes in the place of the CPU. Pictures that a device has decoded stay
// in its own memory up to its encoder; what it cannot do is done by the CPU, from a copy.
//
// Thread: pictures are decoded and scaled by one, each encoder may have another.
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "transcode/frame.h"
#include "transcode/transcode.h"

struct AVCodecContext;

namespace millrace::transcode {

/// To one size, on the device. Thread: one at a time.
class DeviceScaler {
 public:
  virtual ~DeviceScaler() = default;
  /// Of a picture that the device holds, into one that it holds, in 8-bit 4:2:0.
  virtual Result<FramePointer> scale(const AVFrame& picture) = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  /// Of a decoder that is about to be opened: pictures become the device's where it can decode
  /// them, and come from the CPU else.
  virtual Status prepare_decoder(AVCodecContext& decoder) = 0;
  /// Whether it is in the device's memory.
  virtual bool holds(const AVFrame& picture) const = 0;
  /// The device outlives it.
  virtual std::unique_ptr<DeviceScaler> create_scaler(int width, int height) = 0;
  /// A copy in the computer's memory.
  virtual Result<FramePointer> download(const AVFrame& picture) = 0;

  /// libavcodec's name of its encoder; null: it has none.
  virtual const char* encoder_name(Codec codec) const = 0;
  /// Of an encoder of that name that is about to be opened, for pictures like this one: no picture
  /// is held back, and key frames are only where they are asked for.
  virtual Status prepare_encoder(AVCodecContext& encoder, Profile profile, const AVFrame& like) = 0;

  enum class Work { kDecode, kEncode };
  /// Before each picture: an error where the device is known to be of no more use.
  virtual Status check([[maybe_unused]] Work work) { return ok(); }
};

/// By its name ("cuda:0"). kUnsupported: there is none of that name; kSystem: it does not open.
using DeviceOpener = std::function<Result<std::unique_ptr<Device>>(std::string_view name)>;

}  // namespace millrace::transcode
