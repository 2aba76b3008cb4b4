// ChannelOutput: the multivariant playlist.
#include <fmt/format.h>

#include <utility>

#include "hls/channel_output.h"
#include "hls/playlist/multivariant_playlist.h"
#include "hls/responses.h"

namespace millrace::hls {

void ChannelOutput::answer_multivariant(const std::shared_ptr<net::HttpExchange>& exchange,
                                        TimePoint came_at) {
  const auto directives = parse_delivery_directives(exchange->request().query);
  bool is_dvr = directives.has_value() && directives.value().dvr;
  std::shared_ptr<const PlaylistText> text;
  std::vector<playlist::RenditionEntry> entries;
  std::uint64_t version = 0, target_seconds = 0;
  bool has_ended = false;
  auto captions = playlist::ClosedCaptions::kNone;
  std::optional<ParkedRequests::Key> parked;
  Refusal refusal;
  {
    const MutexLock lock(mutex_);
    is_dvr = is_dvr && windows_.past();
    version = windows_.multivariant_version();
    target_seconds = windows_.target_seconds();
    has_ended = windows_.has_ended();
    captions = windows_.closed_captions();
    if (windows_.is_ready(context_.clock.steady_now())) {
      const Multivariant& known = is_dvr ? dvr_multivariant_ : multivariant_;
      if (known.version == version) text = known.text;
      for (const auto& rendition : windows_.renditions()) {
        if (text || !windows_.is_offered(*rendition)) continue;
        const auto& init = windows_.init_of(*rendition);
        entries.push_back({.name = rendition->options.name,
                           .codecs = init->codecs,
                           .bandwidth = rendition->bandwidth.peak(),
                           .average_bandwidth = rendition->bandwidth.average(),
                           .track = init->track});
      }
    }
    if (!text && entries.empty()) parked = wait_for_beginning(exchange, came_at, refusal);
  }
  if (parked) return forget_when_aborted(*exchange, &beginners_, *parked);
  if (!text && entries.empty()) return decline(*exchange, MediaObject::kMultivariant, refusal);
  if (!text) {
    text = std::make_shared<const PlaylistText>(
        playlist::render_multivariant(entries, captions,
                                      context_.options.audio_only ? playlist::AudioOnly::kOffered
                                                                  : playlist::AudioOnly::kLeftOut,
                                      is_dvr ? "index.m3u8?dvr" : "index.m3u8"),
        fmt::format("{}-{}{}", context_.options.start_id, version, is_dvr ? "-dvr" : ""),
        context_.playlists.compressed);
    Counter(context_.playlists.multivariant).increment();
    const MutexLock lock(mutex_);
    (is_dvr ? dvr_multivariant_ : multivariant_) = {text, version};
  }
  const auto kept_as = has_ended ? CacheClass::kEnded : CacheClass::kMultivariant;
  exchange->respond(playlist_response(exchange->request(), *text, MediaObject::kMultivariant,
                                      cache_rule(context_.options.cache, kept_as, target_seconds)));
}

}  // namespace millrace::hls
