#include "ingest/report/passthrough.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace millrace::ingest {
namespace {

// A camera's clock and rounded stamps are as even as that: 60 of 29.97 a second are no 2.1 s.
constexpr double kTolerance = 1.1;

double seconds(MediaTime time) {
  return std::chrono::duration<double>(time).count();
}

double announced_rate(const TrackInfo& video) {
  const Rational& rate = video.video.frame_rate;
  return rate.denominator > 0
             ? static_cast<double>(rate.numerator) / static_cast<double>(rate.denominator)
             : 0;
}

std::string names_of(const std::vector<Codec>& codecs) {
  std::string names;
  for (const Codec codec : codecs) {
    if (!names.empty()) names += " or ";
    names += to_string(codec);
  }
  return names;
}

using Findings = std::vector<Finding>;

void tell(Findings& findings, std::string_view reason, double value, std::string text,
          std::string remedy) {
  findings.push_back({.code = std::string(kUnqualified).append(reason),
                      .severity = Finding::Severity::kWarning,
                      .text = std::move(text),
                      .remedy = std::move(remedy),
                      .value = value,
                      .since = {}});
}

void check_bitstream(const PassthroughLimits& limits, const TrackInfo& video, Findings& findings) {
  const auto& codecs = limits.codecs;
  if (!codecs.empty() && std::find(codecs.begin(), codecs.end(), video.codec) == codecs.end())
    tell(findings, "codec", 0,
         fmt::format("The picture is {}, and the channel passes on {}.", to_string(video.codec),
                     names_of(codecs)),
         fmt::format("Send {}.", names_of(codecs)));
  const auto profile = unplayable_profile(video);
  if (profile && !limits.may_be_unplayable)
    tell(findings, "profile", *profile,
         fmt::format("This profile of {} ({}) plays in no browser.", to_string(video.codec),
                     *profile),
         "Send 4:2:0, of H.264 with 8 bits: profile High or Main.");
  if (video.video.is_interlaced && !limits.may_be_interlaced)
    tell(findings, "interlaced", 0, "The picture is coded as interlaced.",
         "Send progressive pictures.");
}

void check_size(const PassthroughLimits& limits, const TrackInfo& video, Findings& findings) {
  const int height = std::min(video.video.width, video.video.height);
  if (limits.height > 0 && height > limits.height)
    tell(findings, "height", height,
         fmt::format("The picture of {}x{} is too large: {} on the shorter side are "
                     "passed on.",
                     video.video.width, video.video.height, limits.height),
         "Send a smaller picture.");
}

void check_frame_rate(const PassthroughLimits& limits, double rate, Findings& findings) {
  if (limits.frame_rate > 0 && rate > limits.frame_rate * kTolerance)
    tell(findings, "frame_rate", rate,
         fmt::format("{:.4g} pictures a second are too many: {} are passed on.", rate,
                     limits.frame_rate),
         "Send fewer pictures a second.");
}

void check_parameters(const PassthroughLimits& limits, const TrackInfo& video, double rate,
                      Findings& findings) {
  check_bitstream(limits, video, findings);
  check_size(limits, video, findings);
  check_frame_rate(limits, rate, findings);
}

}  // namespace

std::optional<int> unplayable_profile(const TrackInfo& video) {
  const auto record = video.codec_configuration.span();
  if (record.size() < 2) return std::nullopt;
  switch (video.codec) {
    case Codec::kH264: {
      // AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.3.3.1.2: version, then the profile.
      const int profile = record[1];
      const bool is_unplayable = profile == 110 || profile == 122 || profile == 244;
      return is_unplayable ? std::optional(profile) : std::nullopt;  // High 10, 4:2:2, 4:4:4.
    }
    case Codec::kHevc: {
      // ISO/IEC 14496-15 8.3.3.1.2: behind two bits of space and the tier. Main, Main 10, still.
      const int profile = record[1] & 0x1f;
      return profile > 3 ? std::optional(profile) : std::nullopt;
    }
    case Codec::kAv1: {
      // AV1CodecConfigurationRecord: seq_profile, of which 0 is Main.
      const int profile = record[1] >> 5;
      return profile > 0 ? std::optional(profile) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::vector<Finding> check_passthrough(const PassthroughLimits& limits, const TrackInfo& video) {
  Findings findings;
  check_parameters(limits, video, announced_rate(video), findings);
  return findings;
}

std::vector<Finding> judge_passthrough(const PassthroughLimits& limits, const TrackInfo& video,
                                       const Figures& figures, bool is_above_bit_rate) {
  Findings findings;
  check_parameters(limits, video, std::max(announced_rate(video), figures.frame_rate), findings);
  const auto& interval = figures.key_frame_interval;
  if (limits.key_frame_interval > MediaTime(0) && interval &&
      seconds(*interval) > seconds(limits.key_frame_interval) * kTolerance)
    tell(findings, "gop", seconds(*interval),
         fmt::format("A key frame comes every {:.1f} s: at least one in {:.1f} s is to.",
                     seconds(*interval), seconds(limits.key_frame_interval)),
         fmt::format("Set a key frame interval of {:.1f} s or less.",
                     seconds(limits.key_frame_interval)));
  if (is_above_bit_rate)
    tell(findings, "bitrate", static_cast<double>(limits.bits_per_second),
         fmt::format("The picture's bit rate is too high: {} kb/s are passed on.",
                     limits.bits_per_second / 1000),
         "Lower the bit rate, or choose a constant one (CBR).");
  if (!limits.may_have_b_frames && figures.reorder_delay > MediaTime(0))
    tell(findings, "b_frames", seconds(figures.reorder_delay), "There are B-frames.",
         "Switch B-frames off (x264: bframes=0).");
  return findings;
}

}  // namespace millrace::ingest
