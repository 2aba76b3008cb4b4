#include "ingest/timeline/fill_source.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "ingest/timeline/audio_clock.h"
#include "media/opus.h"

namespace millrace::ingest {
namespace {

// Of a source whose rate varies: the pictures are all the same, and parts close as its own did.
constexpr Rational kVariableRate{30, 1};

Rational rate_of(const TrackInfo& video) {
  return video.video.frame_rate.numerator > 0 ? video.video.frame_rate : kVariableRate;
}

TrackInfo stereo_aac_track() {
  // AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): AAC-LC, 48 kHz, two channels.
  constexpr std::uint8_t kStereo[] = {0x11, 0x90};
  TrackInfo stereo;
  stereo.kind = MediaKind::kAudio;
  stereo.codec = Codec::kAac;
  stereo.codec_configuration = Bytes::copy_of(kStereo);
  stereo.audio = {.sample_rate = 48'000, .channels = 2, .samples_per_frame = 1024};
  return stereo;
}

}  // namespace

std::shared_ptr<const TrackInfo> silent_track(const std::shared_ptr<const TrackInfo>& track) {
  if (!track || !silent_frame(*track).empty()) return track;
  TrackInfo stereo = track->codec == Codec::kOpus ? opus_track(2, 0).value() : stereo_aac_track();
  stereo.index = track->index;
  stereo.language = track->language;
  return std::make_shared<const TrackInfo>(std::move(stereo));
}

FillSource::FillSource(FillVideo video, MediaTime video_start, const std::vector<Silence>& audio) {
  CHECK(video.track || !audio.empty());
  if (video.track) {
    CHECK(!video.pictures.empty());
    const Rational rate = rate_of(*video.track);
    lines_.push_back(
        {std::move(video.track), std::move(video.pictures), FrameGrid(video_start, rate)});
  }
  for (const auto& [track, start] : audio) {
    const Rational rate{track->audio.sample_rate, track->audio.samples_per_frame};
    lines_.push_back({track, {silent_frame(*track)}, FrameGrid(start, rate)});
  }
}

EncodedPacket FillSource::Line::take() {
  EncodedPacket packet;
  packet.track = track;
  const auto number = static_cast<std::size_t>(slot) % payloads.size();
  packet.payload = payloads[number];
  packet.pts = packet.dts = begin();
  packet.duration = end() - begin();
  packet.is_key_frame = number == 0;
  ++slot;
  return packet;
}

std::optional<EncodedPacket> FillSource::next(MediaTime until) {
  const auto next =
      std::min_element(lines_.begin(), lines_.end(),
                       [](const Line& a, const Line& b) { return a.begin() < b.begin(); });
  if (next->end() > until) return std::nullopt;
  return next->take();
}

}  // namespace millrace::ingest
