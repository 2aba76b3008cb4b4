#pragma once
// One rung's encoder through libavcodec: x264, x265 or libaom on one thread, or a device's. Packets
// come out with the source's exact presentation times, and decode times that follow one another
// without a hole.
//
// Thread: one at a time.
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "media/encoded_packet.h"
#include "transcode/device.h"
#include "transcode/encoder_settings.h"
#include "transcode/frame.h"
#include "transcode/hdr.h"

struct AVCodecContext;
struct AVPacket;

namespace millrace::transcode {

/// Gives packets in decoding order their dts and duration: the n-th packet takes the place of the
/// n-th picture in order of presentation, a constant reordering delay before it, so that each ends
/// where the next begins. A hole left by a dropped picture is added to the packet behind it; at a
/// gap, a discontinuity or a hole of more than half a second the times start anew.
class DecodeTimes {
 public:
  /// What a picture lasts beyond `longest_picture` counts as a hole. No packet begins before
  /// `not_before`.
  DecodeTimes(MediaTime reorder_delay, MediaTime longest_picture,
              std::optional<MediaTime> not_before = {})
      : delay_(reorder_delay), longest_picture_(longest_picture), end_(not_before) {}

  /// Whether the times start anew with it: no picture before it may then be decoded behind it.
  bool add_picture(const Picture& picture);
  /// Of the next packet in decoding order. One call for each picture added.
  struct Times {
    MediaTime dts{};
    MediaTime duration{};
  };
  Times next();

 private:
  struct Place {
    MediaTime pts{};
    MediaTime duration{};
    bool starts_anew = false;
  };
  MediaTime delay_;
  MediaTime longest_picture_;
  std::optional<MediaTime> end_;          ///< Of the newest packet.
  std::optional<MediaTime> picture_end_;  ///< Of the newest picture.
  std::deque<Place> places_;
};

/// Where a rung is encoded.
struct EncoderPlace {
  Device* device = nullptr;       ///< Null: on the CPU. Outlives the encoder.
  Profile profile{};              ///< For the device.
  const AVFrame* like = nullptr;  ///< A picture that the device holds, as those to come.
};

class Encoder {
 public:
  /// One rung's packet. Its payload is valid during the call only.
  struct Output {
    Picture picture;
    MediaTime dts{};
    MediaTime duration{};
    bool is_key_frame = false;
    std::span<const std::uint8_t> payload;
  };
  using Handler = std::function<void(const Output&)>;

  /// `source`: frame rate, aspect ratio and, unless it is tone-mapped, colour are the source's.
  /// `not_before`: where the packets of the rung's encoder before this one end. `metadata`: of the
  /// source's pictures; HEVC that keeps high dynamic range repeats it at each key frame. On a
  /// device it holds no picture back, whatever the settings are.
  static Result<std::unique_ptr<Encoder>> create(const Rung& rung, const EncoderSettings& settings,
                                                 const VideoParameters& source,
                                                 std::optional<MediaTime> not_before = {},
                                                 const HdrMetadata& metadata = {},
                                                 const EncoderPlace& place = {});
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// What the packets are: complete from the start.
  const TrackInfo& track() const { return track_; }

  /// The frame is of the rung's size, and later than the one before. An IDR where it opens a
  /// segment or follows a gap (a hole of more than half a second becomes one). Hands on what is
  /// ready.
  Status push(const Frame& frame, const Handler& on_packet);
  Status drain(const Handler& on_packet);

 private:
  Encoder(const EncoderSettings& settings, const VideoParameters& source,
          std::optional<MediaTime> not_before);
  Status receive(const Handler& on_packet);
  std::int64_t tick_of(MediaTime pts);

  struct Free {
    void operator()(AVCodecContext* context) const;
    void operator()(AVPacket* packet) const;
  };
  using Context = std::unique_ptr<AVCodecContext, Free>;
  static Result<Context> open(const Rung& rung, const EncoderSettings& settings,
                              const TrackInfo& track, const HdrMetadata& metadata,
                              const EncoderPlace& place);

  Context context_;
  std::unique_ptr<AVPacket, Free> packet_;
  TrackInfo track_;
  std::vector<std::uint8_t> messages_;  ///< In front of each key frame.
  Rational ticks_per_second_;
  std::optional<MediaTime> first_pts_;
  std::int64_t newest_tick_ = -1;
  std::map<std::int64_t, Picture> pending_;  ///< By tick; as many as the encoder holds.
  DecodeTimes times_;
  bool has_start_codes_ = false;  ///< Its packets: a device's.
};

}  // namespace millrace::transcode
