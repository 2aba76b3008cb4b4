#include "transcode/encoder_settings.h"

namespace millrace::transcode {

MediaTime frame_duration(const VideoParameters& source) {
  if (source.frame_rate.numerator > 0)
    return MediaTime(
        scale_rounded(1'000'000'000, source.frame_rate.denominator, source.frame_rate.numerator));
  if (source.longest_frame > MediaTime::zero()) return source.longest_frame;
  return std::chrono::milliseconds(40);
}

EncoderSettings encoder_settings(Profile profile, const VideoParameters& source,
                                 MediaTime part_target, Codec codec) {
  if (codec == Codec::kHevc) return {.preset = "ultrafast"};
  if (codec == Codec::kAv1) return {.preset = "12"};
  constexpr EncoderSettings kBalanced{.preset = "superfast",
                                      .is_zero_latency = false,
                                      .lookahead_frames = 5,
                                      .b_frames = 1,
                                      .delay_frames = 5};
  constexpr EncoderSettings kRealtime{};
  if (profile == Profile::kBalanced &&
      kBalanced.delay_frames * frame_duration(source) < part_target)
    return kBalanced;
  return kRealtime;
}

}  // namespace millrace::transcode
