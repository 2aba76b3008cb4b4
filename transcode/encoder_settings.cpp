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
  // Without a frame of delay in any profile.
  if (codec == Codec::kHevc)
    return {.preset = profile == Profile::kRealtime ? "ultrafast" : "superfast"};
  if (codec == Codec::kAv1) return {.preset = profile == Profile::kRealtime ? "8" : "7"};
  constexpr EncoderSettings kBalanced{.preset = "superfast",
                                      .is_zero_latency = false,
                                      .lookahead_frames = 5,
                                      .b_frames = 1,
                                      .delay_frames = 5};
  constexpr EncoderSettings kQuality{.preset = "veryfast",
                                     .is_zero_latency = false,
                                     .lookahead_frames = 10,
                                     .b_frames = 3,
                                     .delay_frames = 10};
  const auto is_in_time = [&](const EncoderSettings& settings) {
    return settings.delay_frames * frame_duration(source) < part_target;
  };
  if (profile == Profile::kQuality && is_in_time(kQuality)) return kQuality;
  if (profile != Profile::kRealtime && is_in_time(kBalanced)) return kBalanced;
  return {};
}

}  // namespace millrace::transcode
