// ChannelOutput: the same as MPEG-TS.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hls/channel_output_rendition.h"
#include "hls/playlist/multivariant_playlist.h"
#include "hls/responses.h"
#include "hls/ts/ts_source.h"

namespace millrace::hls {

void ChannelOutput::answer_ts(const std::shared_ptr<net::HttpExchange>& exchange,
                              const MediaPath& path, TimePoint came_at) {
  if (!has_ts_) return decline(*exchange, path.object, {404, "there is no MPEG-TS of it"});
  if (path.object == MediaObject::kTsMultivariant) return answer_ts_multivariant(exchange, came_at);
  if (path.object == MediaObject::kTsPlaylist) return answer_ts_playlist(exchange, path, came_at);
  answer_ts_segment(*exchange, path);
}

void ChannelOutput::answer_ts_multivariant(const std::shared_ptr<net::HttpExchange>& exchange,
                                           TimePoint came_at) {
  std::shared_ptr<const PlaylistText> text;
  std::vector<playlist::RenditionEntry> pictures;
  std::optional<playlist::RenditionEntry> sound;
  std::uint64_t version = 0, target_seconds = 0;
  bool has_ended = false;
  auto captions = playlist::ClosedCaptions::kNone;
  std::optional<ParkedRequests::Key> parked;
  Refusal refusal{404, "there is no MPEG-TS of it"};
  {
    const MutexLock lock(mutex_);
    version = windows_.multivariant_version();
    target_seconds = windows_.target_seconds();
    has_ended = windows_.has_ended();
    captions = windows_.closed_captions();
    bool has_segments = false;
    const bool is_ready = windows_.is_ready(context_.clock.steady_now());
    for (const auto& rendition : windows_.renditions()) {
      if (!is_ready || !windows_.is_offered(*rendition) || !is_in_ts(windows_, *rendition))
        continue;
      const bool is_picture = rendition->options.kind == MediaKind::kVideo;
      if (!is_picture && rendition.get() != ts_sound(windows_)) continue;
      has_segments |= ts_listed_count(windows_, *rendition) > 0;
      const auto& init = windows_.init_of(*rendition);
      playlist::RenditionEntry entry{.name = rendition->options.name,
                                     .codecs = init->codecs,
                                     .bandwidth = rendition->bandwidth.peak(),
                                     .average_bandwidth = rendition->bandwidth.average(),
                                     .track = init->track};
      if (is_picture)
        pictures.push_back(std::move(entry));
      else
        sound = std::move(entry);
    }
    // A playlist of nothing is worse than none: players that get it give up.
    if (!has_segments) {
      if (!is_ready || !pictures.empty() || sound)
        parked = wait_for_beginning(exchange, came_at, refusal);
      pictures.clear();
      sound.reset();
    } else if (ts_multivariant_.version == version) {
      text = ts_multivariant_.text;
    }
  }
  if (parked) return forget_when_aborted(*exchange, &beginners_, *parked);
  if (pictures.empty() && !sound) return decline(*exchange, MediaObject::kTsMultivariant, refusal);
  if (!text) {
    text = std::make_shared<const PlaylistText>(
        playlist::render_ts_multivariant(pictures, sound, captions),
        fmt::format("{}-{}-ts", context_.options.start_id, version), context_.playlists.compressed);
    Counter(context_.playlists.multivariant).increment();
    const MutexLock lock(mutex_);
    ts_multivariant_ = {text, version};
  }
  const auto kept_as = has_ended ? CacheClass::kEnded : CacheClass::kMultivariant;
  exchange->respond(playlist_response(exchange->request(), *text, MediaObject::kTsMultivariant,
                                      cache_rule(context_.options.cache, kept_as, target_seconds)));
}

std::shared_ptr<const TsPlaylist> ChannelOutput::ts_playlist(Output& output) {
  const Rendition& rendition = output.rendition;
  const std::size_t count = ts_listed_count(windows_, rendition);
  if (count == 0 || !is_in_ts(windows_, rendition)) return nullptr;
  auto header = windows_.header(rendition, context_.options.start_id);
  // Gaps that somebody has been told of stay gaps.
  output.rendition.shown =
      std::max(rendition.shown, rendition.window->listed(count - 1).line.number);
  if (!output.ts || !output.ts->is_same(header, *rendition.window, count))
    output.ts = std::make_shared<const TsPlaylist>(std::move(header), *rendition.window, count,
                                                   ++output.ts_version, context_.playlists);
  return output.ts;
}

void ChannelOutput::answer_ts_playlist(const std::shared_ptr<net::HttpExchange>& exchange,
                                       const MediaPath& path, TimePoint came_at) {
  std::shared_ptr<const TsPlaylist> playlist;
  std::optional<ParkedRequests::Key> parked;
  ParkedRequests* place = &beginners_;
  Output* output = nullptr;
  bool is_idle = false;
  Refusal refusal{404, "no such rendition"};
  {
    const MutexLock lock(mutex_);
    const auto now = context_.clock.steady_now();
    output = find_output(path.rendition);
    if (!windows_.is_ready(now)) {
      parked = wait_for_beginning(exchange, came_at, refusal);
    } else if (output && is_in_ts(windows_, output->rendition)) {
      output->last_request = now;
      is_idle = windows_.is_idle(output->rendition);
      if (is_idle) {
        place = &output->playlists;
        parked = park(*place, decide_idle({}, *output, false).wait_for,
                      {.exchange = exchange,
                       .wants_ts = true,
                       .is_blocking_reload = false,
                       .is_impatient = true,
                       .since = now});
        if (!parked) refusal = no_room();
      } else {
        playlist = ts_playlist(*output);
        // A playlist of nothing is worse than none: players that get it give up.
        if (!playlist) parked = wait_for_beginning(exchange, came_at, refusal);
      }
    }
  }
  if (parked) {
    if (is_idle && on_awaited_) on_awaited_();
    return forget_when_aborted(*exchange, place, *parked);
  }
  if (!playlist) return decline(*exchange, MediaObject::kTsPlaylist, refusal);
  respond_ts(*exchange, *playlist);
}

void ChannelOutput::respond_ts(net::HttpExchange& exchange, const TsPlaylist& playlist) {
  const auto text = playlist.text();
  const auto kept_as = playlist.has_ended() ? CacheClass::kEnded : CacheClass::kPlaylist;
  exchange.respond(
      playlist_response(exchange.request(), *text, MediaObject::kTsPlaylist,
                        cache_rule(context_.options.cache, kept_as, playlist.target_seconds())));
}

void ChannelOutput::answer_ts_segment(net::HttpExchange& exchange, const MediaPath& path) {
  std::optional<TsSource> source;
  MediaKind kind = MediaKind::kVideo;
  std::uint64_t target_seconds = 0;
  {
    const MutexLock lock(mutex_);
    const Output* const output =
        path.start_id == context_.options.start_id ? find_output(path.rendition) : nullptr;
    if (output) {
      source = ts_source(windows_, output->rendition, path.number);
      kind = output->rendition.options.kind;
    }
    target_seconds = windows_.target_seconds();
  }
  if (!source) return decline(exchange, path.object, {404, "no such media"});
  const Bytes segment = context_.ts_cache.get(
      fmt::format("{}/{}/{}", name_, path.rendition, path.number),
      [&] { return context_.options.ts.make(source->video, source->audio, path.number); });
  if (segment.empty()) return decline(exchange, path.object, {404, "it cannot be MPEG-TS"});
  respond_media(exchange,
                {path.object, kind, std::string(path.start_id), path.number, target_seconds},
                {segment});
}

}  // namespace millrace::hls
