#include "ingest/report/judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "ingest/report/passthrough.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;
using Severity = Finding::Severity;

// Twice the usual wish of 2 s: a player that joins waits for half of it, seeks for all of it.
constexpr MediaTime kLongKeyFrameInterval = 4s;
constexpr MediaTime kHopelessKeyFrameInterval = 10s;
// Encoders take a moment to begin; before, nothing is missing.
constexpr MediaTime kSettled = 5s;
constexpr double kFrameRateShortfall = 0.9;
constexpr double kSlowUpload = 0.95;
// design.md: an offset of picture and sound is told from 80 ms on.
constexpr MediaTime kAvSkew = 80ms;
// A transport stream sends the picture ahead of its time by up to its decoder's buffer (ISO/IEC
// 13818-1 2.4.2.6 allows a second), so what comes together has not the same time.
constexpr MediaTime kAvSkewOfTransportStream = 1s;
constexpr double kDriftPpm = 100;
// A key frame that takes longer than this on a line of the mean bit rate holds up the picture.
constexpr double kKeyFrameSeconds = 1.0;
constexpr auto kSilence = 3s;
// Four round trips leave time for a lost packet to be asked for three times.
constexpr int kRoundTrips = 4;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

double milliseconds(std::chrono::nanoseconds time) {
  return seconds(time) * 1e3;
}

class Judge {
 public:
  Judge(const Figures& figures, const TrackInfo* video, const TrackInfo* audio,
        const Circumstances& circumstances)
      : figures_(figures), video_(video), audio_(audio), circumstances_(circumstances) {}

  std::vector<Finding> judge() && {
    on_tracks();
    on_key_frames();
    on_rates();
    on_clocks();
    on_stamps();
    on_pictures();
    on_codec();
    on_network();
    on_passthrough();
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const auto& a, const auto& b) { return a.severity > b.severity; });
    return std::move(findings_);
  }

 private:
  void tell(const char* code, Severity severity, double value, std::string text,
            std::string remedy) {
    findings_.push_back({.code = code,
                         .severity = severity,
                         .text = std::move(text),
                         .remedy = std::move(remedy),
                         .value = value,
                         .since = {}});
  }

  void on_tracks() {
    if (figures_.media < kSettled) return;
    if (!figures_.has_audio)
      tell("no_audio", Severity::kWarning, 0, "There is no sound.",
           "If there should be: check the audio source and audio track 1 in the encoder.");
    if (!figures_.has_video)
      tell("no_video", Severity::kNote, 0, "There is no picture.",
           "If there should be: check the video source and codec in the encoder.");
  }

  void on_key_frames() {
    const auto interval = figures_.key_frame_interval;
    if (!interval) {
      if (figures_.has_video && figures_.media >= kSettled)
        tell("no_key_frame", Severity::kProblem, seconds(figures_.media),
             "No key frame has come yet: viewers see no picture.",
             "Set a key frame interval of 2 s (OBS: Settings, Output, Keyframe Interval).");
      return;
    }
    if (*interval <= kLongKeyFrameInterval) return;
    tell("key_frame_interval",
         *interval > kHopelessKeyFrameInterval ? Severity::kProblem : Severity::kWarning,
         seconds(*interval),
         fmt::format("A key frame comes every {:.1f} s: viewers wait longer at the start, and lag "
                     "behind further.",
                     seconds(*interval)),
         "Set a key frame interval of 2 s (OBS: Settings, Output, Keyframe Interval).");
  }

  void on_rates() {
    const double announced = circumstances_.announced_frame_rate;
    const bool is_sane = std::isfinite(announced) && announced > 0 && announced <= 1000;
    if (is_sane && figures_.frame_rate > 0 && figures_.frame_rate < announced * kFrameRateShortfall)
      tell("frame_rate", Severity::kWarning, figures_.frame_rate,
           fmt::format("{:.4g} pictures a second are announced, {:.4g} come.", announced,
                       figures_.frame_rate),
           "The encoder drops pictures: choose a faster preset, a lower frame rate or bit rate.");
    if (figures_.real_time && *figures_.real_time < kSlowUpload)
      tell("slow_upload", Severity::kProblem, *figures_.real_time,
           fmt::format("Only {:.0f} % of the stream comes in time, at {:.0f} kb/s.",
                       *figures_.real_time * 100, figures_.bits_per_second / 1000),
           "The upload is too slow, or the encoder: lower the bit rate.");
    if (figures_.key_frame_seconds > kKeyFrameSeconds)
      tell("key_frame_size", Severity::kNote, figures_.key_frame_seconds,
           fmt::format("Key frames are as large as {:.1f} s of the stream.",
                       figures_.key_frame_seconds),
           "Choose constant bit rate (CBR) with a buffer of one second.");
  }

  void on_clocks() {
    const MediaTime limit = circumstances_.protocol == "srt" ? kAvSkewOfTransportStream : kAvSkew;
    if (figures_.av_skew && std::chrono::abs(*figures_.av_skew) > limit)
      tell("av_skew", Severity::kWarning, seconds(*figures_.av_skew),
           fmt::format("Sound is stamped {:.0f} ms {} the picture that comes with it.",
                       milliseconds(std::chrono::abs(*figures_.av_skew)),
                       *figures_.av_skew > 0s ? "ahead of" : "behind"),
           "If lips and words differ: correct the sync offset of the audio source.");
    if (std::abs(figures_.drift_ppm) > kDriftPpm)
      tell("clock_drift", Severity::kNote, figures_.drift_ppm,
           fmt::format("The source's clock runs {} by {:.0f} ppm.",
                       figures_.drift_ppm > 0 ? "slow" : "fast", std::abs(figures_.drift_ppm)),
           "Nothing, unless it is much: millrace moves the stream behind a discontinuity.");
  }

  void on_stamps() {
    const auto tell_count = [this](const char* code, std::int64_t count, Severity severity,
                                   const char* what, const char* remedy) {
      if (count > 0)
        tell(code, severity, static_cast<double>(count), fmt::format("{} ({}).", what, count),
             remedy);
    };
    const char* const kRestamp =
        "Let the encoder make timestamps anew (FFmpeg: -fflags +genpts), or update it.";
    tell_count("timestamp_jumps", figures_.jumps, Severity::kWarning,
               "Timestamps jump by more than a second", kRestamp);
    tell_count("timestamps_backwards", figures_.backward_steps, Severity::kWarning,
               "Timestamps run backwards", kRestamp);
    tell_count("timestamps_repeated", figures_.repeated_times, Severity::kNote,
               "Packets come with the timestamp of the one before", kRestamp);
    tell_count("shown_before_decoded", figures_.shown_too_early, Severity::kWarning,
               "Pictures are to be shown before they are decoded", kRestamp);
    tell_count("empty_packets", figures_.empty_packets, Severity::kWarning, "Packets are empty",
               "Update the encoder.");
    tell_count("size_changes", figures_.size_changes, Severity::kNote,
               "The size of the picture has changed while live",
               "Keep one size: each change is a discontinuity for viewers.");
    tell_count("parameter_changes", figures_.parameter_changes, Severity::kNote,
               "The parameters of a track have changed while live",
               "Keep codec settings as they are while live.");
  }

  void on_pictures() {
    if (figures_.open_groups > 0)
      tell(
          "open_groups", Severity::kNote, static_cast<double>(figures_.open_groups),
          "Groups of pictures are open: the first pictures after a join or a switch may be broken.",
          "Switch open GOPs off (x264: open-gop=0).");
    if (figures_.reorder_delay > 0s)
      tell("b_frames", Severity::kNote, seconds(figures_.reorder_delay),
           fmt::format("B-frames add {:.0f} ms of delay.", milliseconds(figures_.reorder_delay)),
           "For the least delay: no B-frames (x264: tune zerolatency).");
  }

  void on_codec() {
    if (circumstances_.unaligned_rungs > 0)
      tell("unaligned_tracks", Severity::kProblem,
           static_cast<double>(circumstances_.unaligned_rungs),
           fmt::format("Video tracks have their key frames at other times than the first one: {} "
                       "segments are missing in them.",
                       circumstances_.unaligned_rungs),
           "Set the same key frame interval and frame rate for all tracks, without scene cuts.");
    if (!video_) return;
    if (video_->video.is_interlaced)
      tell("interlaced", Severity::kWarning, 0,
           "The picture is coded as interlaced: viewers of the source see combs where something "
           "moves.",
           "Send progressive pictures: deinterlace at the capture device or in the encoder.");
    if (const auto profile = unplayable_profile(*video_))
      tell("profile", Severity::kProblem, *profile,
           fmt::format("This profile of {} ({}) does not play in browsers.",
                       to_string(video_->codec), *profile),
           "Send 4:2:0, of H.264 with 8 bits: profile High or Main (OBS: Settings, Advanced, "
           "NV12).");
    if (video_->codec == Codec::kHevc)
      tell("codec", Severity::kNote, 0, "HEVC does not play in every browser.",
           "Send H.264, or serve encoded rungs.");
    if (audio_ && audio_->audio.channels > 2)
      tell("audio_channels", Severity::kNote, audio_->audio.channels,
           fmt::format("Sound has {} channels: holes in it are not filled with silence.",
                       audio_->audio.channels),
           "Send stereo where it will do.");
  }

  void on_network() {
    if (circumstances_.silence > kSilence)
      tell("silent", Severity::kProblem, seconds(circumstances_.silence),
           fmt::format("Nothing has come for {:.0f} s.", seconds(circumstances_.silence)),
           "Check the encoder and its network.");
    const auto wanted = kRoundTrips * circumstances_.round_trip;
    if (circumstances_.round_trip > 0s && circumstances_.latency < wanted)
      tell("srt_latency", Severity::kWarning, seconds(circumstances_.latency),
           fmt::format("SRT latency of {:.0f} ms is below four times the round trip of {:.0f} ms.",
                       milliseconds(circumstances_.latency),
                       milliseconds(circumstances_.round_trip)),
           fmt::format("Set the latency in the encoder to {:.0f} ms.", milliseconds(wanted)));
    if (circumstances_.dropped_packets > 0)
      tell("lost_packets", Severity::kWarning, circumstances_.dropped_packets,
           fmt::format("{:.0f} packets did not come in time: pictures are damaged.",
                       circumstances_.dropped_packets),
           "Set a higher SRT latency, or a lower bit rate.");
  }

  void on_passthrough() {
    if (!video_) return;
    auto unqualified = judge_passthrough(circumstances_.limits, *video_, figures_,
                                         circumstances_.is_above_bit_rate);
    std::move(unqualified.begin(), unqualified.end(), std::back_inserter(findings_));
  }

  const Figures& figures_;
  const TrackInfo* const video_;
  const TrackInfo* const audio_;
  const Circumstances& circumstances_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge(const Figures& figures, const TrackInfo* video, const TrackInfo* audio,
                           const Circumstances& circumstances) {
  return Judge(figures, video, audio, circumstances).judge();
}

}  // namespace millrace::ingest
