#pragma once
// A channel's multivariant playlist as text (draft-pantos-hls-rfc8216bis §4.4.6). Pure; any thread.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/track_info.h"

namespace millrace::hls::playlist {

/// A rendition as the multivariant playlist tells it.
struct RenditionEntry {
  std::string name;    ///< Of its folder.
  std::string codecs;  ///< RFC 6381, of this rendition alone.
  std::int64_t bandwidth = 0;
  std::int64_t average_bandwidth = 0;
  std::shared_ptr<const TrackInfo> track;
};

/// In the pictures themselves, the same in every variant.
enum class ClosedCaptions { kNone, kCea608 };

/// Whether the sound is a variant too, where there are pictures.
enum class AudioOnly { kLeftOut, kOffered };

/// Video renditions are the variants, audio renditions one group that belongs to all of them, and
/// the last variant by itself where it is offered; without video the audio renditions are the
/// variants. `file`: what a media playlist is in its rendition's folder, "index.m3u8?dvr".
std::string render_multivariant(const std::vector<RenditionEntry>& renditions,
                                ClosedCaptions captions, AudioOnly audio_only,
                                std::string_view file = "index.m3u8");

/// The renditions whose media is MPEG-TS too: a variant for each of `pictures`, with the sound in
/// it, or, where there are none, the sound by itself; one of both is there.
std::string render_ts_multivariant(const std::vector<RenditionEntry>& pictures,
                                   const std::optional<RenditionEntry>& sound,
                                   ClosedCaptions captions);

}  // namespace millrace::hls::playlist
