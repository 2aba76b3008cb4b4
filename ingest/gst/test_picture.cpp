#include <fmt/format.h>

#include <algorithm>

#include "ingest/gst/pipeline_text.h"

namespace millrace::ingest {
namespace {

constexpr std::int64_t kWidth = 1280;
constexpr std::int64_t kHeight = 720;
constexpr std::int64_t kFps = 30;
constexpr std::int64_t kKilobits = 2'500;

struct Picture {
  std::int64_t width;
  std::int64_t height;
  std::int64_t fps;
  std::int64_t of(std::int64_t lines_of_720) const { return height * lines_of_720 / kHeight; }
};

Picture picture_of(const SourceUrl& url) {
  Picture picture{kWidth, kHeight, number_of(url, "fps", kFps)};
  if (const auto size = url.options.find("size"); size != url.options.end()) {
    const auto cross = size->second.find('x');
    picture.width = std::stoll(size->second.substr(0, cross));
    picture.height = std::stoll(size->second.substr(cross + 1));
  }
  return picture;
}

std::string encoder(const SourceUrl& url, const Picture& picture) {
  const auto b_frames = number_of(url, "bframes", 0);
  // Without B-frames nothing is held back; with them only as much as they need.
  const auto* const delay = b_frames == 0 ? "tune=zerolatency" : "rc-lookahead=0 sync-lookahead=0";
  return fmt::format(
      "x264enc {} speed-preset=ultrafast bitrate={} key-int-max={} bframes={} b-adapt=false", delay,
      number_of(url, "bitrate", kKilobits), number_of(url, "gop", 2 * picture.fps), b_frames);
}

std::string caps(std::int64_t width, std::int64_t height, std::int64_t fps) {
  return fmt::format("video/x-raw,format=I420,width={},height={},framerate={}/1,colorimetry=bt709",
                     width, height, fps);
}

/// It is to leave the machine to the ladder: still bars, one small moving picture, text without
/// outlines, the fastest preset. Both pictures have the same colorimetry, or the compositor would
/// convert one of them, which costs more than all the rest. Two seconds of frames: one GOP is a
/// default segment.
std::string video(const SourceUrl& url) {
  const Picture picture = picture_of(url);
  const auto inner_width = picture.width / 4 * 2;
  const auto inner_height = picture.of(280) / 2 * 2;
  constexpr auto kPlain =
      "draw-outline=false draw-shadow=false shaded-background=true halignment=center";
  return fmt::format(
      "compositor name=mix background=black sink_1::xpos={} sink_1::ypos={} ! {}"
      " ! clockoverlay text=millrace time-format=%H:%M:%S font-desc=\"Sans {}\" valignment=top"
      " ypad={} {} ! timeoverlay font-desc=\"Monospace {}\" valignment=bottom ypad={} {}"
      " ! {} ! appsink name=video sync=false"
      " videotestsrc is-live=true pattern=smpte75 ! {},chroma-site=mpeg2 ! mix.sink_0"
      " videotestsrc is-live=true pattern=ball animation-mode=running-time"
      " background-color=0xff101820 foreground-color=0xffffb000 ! {},chroma-site=mpeg2"
      " ! mix.sink_1",
      picture.width / 4, picture.of(190), caps(picture.width, picture.height, picture.fps),
      std::max<std::int64_t>(picture.of(28), 6), picture.of(70), kPlain,
      std::max<std::int64_t>(picture.of(48), 8), picture.of(80), kPlain, encoder(url, picture),
      caps(picture.width, picture.height, picture.fps),
      caps(inner_width, inner_height, picture.fps));
}

/// 1024 samples: each buffer is one AAC frame.
constexpr auto kAudio =
    "audiotestsrc is-live=true wave=ticks freq=880 sine-periods-per-tick=88 apply-tick-ramp=true"
    " volume=0.3 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2"
    " ! avenc_aac bitrate=96000 ! appsink name=audio sync=false";

bool has(const SourceUrl& url, const std::string& kind) {
  const auto found = url.options.find(kind);
  return found == url.options.end() || found->second == "yes";
}

}  // namespace

std::string test_picture(const SourceUrl& url) {
  std::string text = has(url, "video") ? video(url) : "";
  if (has(url, "audio")) text += (text.empty() ? "" : " ") + std::string(kAudio);
  return text;
}

}  // namespace millrace::ingest
