#include "hls/ts/ts_source.h"

#include <algorithm>

#include "media/audio_specific_config.h"

namespace millrace::hls {
namespace {

using Rendition = ChannelWindows::Rendition;

bool is_in_ts(const TrackInfo& track) {
  if (track.codec != Codec::kAac) return track.codec == Codec::kH264 || track.codec == Codec::kHevc;
  const auto config = parse_audio_specific_config(track.codec_configuration.span());
  return config.has_value() && config.value().is_in_adts();
}

CmafSegment media_of(const SegmentWindow& window, const WindowSegment& segment) {
  return {.init = window.find_init(segment.line.map), .chunks = segment.parts};
}

/// What is heard with that segment; nothing: it is not known yet, or no longer.
std::optional<CmafSegment> sound_with(const ChannelWindows& windows, const Rendition& pictures,
                                      SegmentNumber number) {
  const Rendition* const sound = ts_sound(windows);
  if (!sound) return CmafSegment();
  if (!sound->window) {
    // It had nothing but gaps in what is listed (ChannelWindows). What was before is forgotten.
    const SegmentWindow& window = *pictures.window;
    const bool is_listed = window.listed_count() > 0 && number >= window.listed(0).line.number;
    return is_listed ? std::optional(CmafSegment()) : std::nullopt;
  }
  const auto segment = sound->window->find_complete(number);
  if (segment)
    return is_in_ts(*sound->window, *segment) ? media_of(*sound->window, *segment) : CmafSegment();
  const bool will_not_come = windows.has_ended() && number >= sound->window->open_number();
  return will_not_come ? std::optional(CmafSegment()) : std::nullopt;
}

}  // namespace

bool is_in_ts(const ChannelWindows& windows, const Rendition& rendition) {
  return is_in_ts(*windows.init_of(rendition)->track);
}

bool is_in_ts(const SegmentWindow& window, const WindowSegment& segment) {
  if (segment.line.is_gap || segment.is_promised) return false;
  const auto init = window.share_init(segment.line.map);
  return init && is_in_ts(*init->track);
}

const Rendition* ts_sound(const ChannelWindows& windows) {
  const auto& renditions = windows.renditions();
  const auto first = std::ranges::find_if(renditions, [](const auto& rendition) {
    return rendition->options.kind == MediaKind::kAudio;
  });
  return first == renditions.end() ? nullptr : first->get();
}

std::size_t ts_listed_count(const ChannelWindows& windows, const Rendition& rendition) {
  // What it will have it had better list at once: gaps that a player has been told of stay gaps.
  if (!rendition.window || rendition.window->has_promises()) return 0;
  const SegmentWindow& window = *rendition.window;
  const Rendition* const sound = ts_sound(windows);
  std::size_t count = window.listed_count();
  if (rendition.options.kind == MediaKind::kAudio || windows.has_ended() || !sound ||
      !sound->window)
    return count;
  while (count > 0 && window.listed(count - 1).line.number >= sound->window->open_number()) --count;
  return count;
}

std::optional<TsSource> ts_source(const ChannelWindows& windows, const Rendition& rendition,
                                  SegmentNumber number) {
  const auto segment = rendition.window->find_complete(number);
  if (!segment || !is_in_ts(*rendition.window, *segment)) return std::nullopt;
  TsSource source;
  if (rendition.options.kind == MediaKind::kAudio) {
    source.audio = media_of(*rendition.window, *segment);
    return source;
  }
  source.video = media_of(*rendition.window, *segment);
  auto sound = sound_with(windows, rendition, number);
  if (!sound) return std::nullopt;
  source.audio = *std::move(sound);
  return source;
}

}  // namespace millrace::hls
