#pragma once
#include <chrono>
#include <cstdlib>
#include <memory>

#include "media/codec_configuration.h"
#include "media/encoded_packet.h"
#include "media/sink.h"

namespace millrace::test {

/// A track of 1920x1080 H.264 as OBS sends it.
inline std::shared_ptr<const TrackInfo> h264_track(Rational frame_rate) {
  static constexpr std::uint8_t kConfiguration[] = {
      0x01, 0x64, 0x00, 0x28, 0xff, 0xe1, 0x00, 0x2a, 0x67, 0x64, 0x00, 0x28, 0xac,
      0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0x00,
      0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x8c, 0x04, 0x00, 0x02, 0x25, 0x50,
      0x00, 0x08, 0x95, 0x47, 0x25, 0x18, 0x03, 0xc6, 0x0c, 0x65, 0x80, 0x01, 0x00,
      0x04, 0x68, 0xef, 0xbc, 0xb0, 0xfd, 0xf8, 0xf8, 0x00};
  auto track = parse_avc_configuration(Bytes::copy_of(kConfiguration));
  if (!track.has_value()) std::abort();
  TrackInfo info = std::move(track).value();
  info.video.frame_rate = frame_rate;
  return std::make_shared<const TrackInfo>(std::move(info));
}

inline std::shared_ptr<const TrackInfo> aac_track(int sample_rate = 48000) {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  static constexpr std::uint8_t kConfiguration[] = {0x11, 0x90};
  track.codec_configuration = Bytes::copy_of(kConfiguration);
  track.audio = {.sample_rate = sample_rate, .channels = 2, .samples_per_frame = 1024};
  return std::make_shared<const TrackInfo>(std::move(track));
}

/// Packets of one track on an exact grid from `start` on; a key frame, which opens a segment, each
/// `key_frame_every` frames.
struct PacketSource {
  std::shared_ptr<const TrackInfo> track;
  int key_frame_every = 60;
  SegmentNumber next_segment = 0;
  MediaTime start = std::chrono::seconds(1'750'000'000);
  MediaTime reorder_delay{};  ///< pts - dts of each packet.
  std::int64_t frame = 0;

  MediaTime time_of(std::int64_t index) const {
    const Rational rate = track->kind == MediaKind::kVideo
                              ? track->video.frame_rate
                              : Rational{track->audio.sample_rate, track->audio.samples_per_frame};
    return start +
           MediaTime(scale_rounded(index, rate.denominator * 1'000'000'000, rate.numerator));
  }
  EncodedPacket next() {
    const std::uint8_t slice[] = {0, 0, 0, 2, 0x41, static_cast<std::uint8_t>(frame)};
    EncodedPacket packet;
    packet.track = track;
    packet.payload = Bytes::copy_of(slice);
    packet.dts = time_of(frame);
    packet.pts = packet.dts + reorder_delay;
    packet.duration = time_of(frame + 1) - packet.dts;
    packet.is_key_frame = track->kind == MediaKind::kAudio || frame % key_frame_every == 0;
    if (frame % key_frame_every == 0) packet.opens_segment = next_segment++;
    ++frame;
    return packet;
  }
  Status push_frames(int count, Sink<EncodedPacket>& sink) {
    for (int i = 0; i < count; ++i) RETURN_IF_ERROR(sink.push(next()));
    return ok();
  }
};

}  // namespace millrace::test
