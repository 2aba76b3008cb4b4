#pragma once
// One track's decoder, libavcodec on one thread or on a device: pictures come out as early as the
// stream's own reordering permits.
//
// Thread: one at a time.
#include <deque>
#include <functional>
#include <memory>

#include "base/result.h"
#include "media/encoded_packet.h"
#include "transcode/device.h"
#include "transcode/frame.h"

struct AVCodecContext;
struct AVPacket;

namespace millrace::transcode {

class Decoder {
 public:
  using Handler = std::function<void(Frame)>;

  /// kUnsupported where libavcodec has no decoder for it. `device` (null: the CPU) outlives it.
  static Result<std::unique_ptr<Decoder>> create(std::shared_ptr<const TrackInfo> track,
                                                 Device* device = nullptr);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Hands on the pictures that are ready, in order of presentation. Undecodable packets are
  /// counted; what they said of their picture (that it opens a segment) goes to the next one.
  void push(const EncodedPacket& packet, const Handler& on_frame);
  /// The pictures still held for reordering.
  void drain(const Handler& on_frame);

  std::uint64_t errors() const { return errors_; }
  /// It has said something that is no fault of the stream's.
  bool has_device_failed() const { return has_device_failed_; }

 private:
  Decoder(std::shared_ptr<const TrackInfo> track, bool is_on_device);
  void count_error(int status);
  void receive(const Handler& on_frame);
  void give_up_oldest();
  Picture take_picture(std::int64_t pts);

  struct Free {
    void operator()(AVCodecContext* context) const;
    void operator()(AVPacket* packet) const;
  };
  std::shared_ptr<const TrackInfo> track_;
  std::unique_ptr<AVCodecContext, Free> context_;
  std::unique_ptr<AVPacket, Free> packet_;
  std::deque<Picture> pending_;  ///< Of packets whose pictures are not out yet; sorted by pts.
  /// Theirs, in decoding order: where the n-th packet lies, the n-th picture is shown.
  std::deque<MediaTime> durations_;
  std::uint64_t errors_ = 0;
  const bool is_on_device_;
  bool has_device_failed_ = false;
};

}  // namespace millrace::transcode
