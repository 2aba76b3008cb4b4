// ChannelOutput: the playlists of shows that are over, and long texts made where they hold nobody
// up.
#include <fmt/format.h>

#include <utility>

#include "hls/channel_output_rendition.h"
#include "hls/gzip.h"
#include "hls/playlist/multivariant_playlist.h"
#include "hls/responses.h"
#include "net/accept_encoding.h"

namespace millrace::hls {
namespace {

/// In a rendition's folder. It names what it lists, so that players that are in the middle of a
/// show go on in the same one when the next has ended, and where they were when its beginning has
/// gone.
std::string file_of(std::string_view start_id, SegmentNumber first) {
  return fmt::format("vod-{}-{}.m3u8", start_id, first);
}

std::vector<playlist::RenditionEntry> entries_of(const DvrShow& show) {
  std::vector<playlist::RenditionEntry> entries;
  for (const auto& rendition : show.renditions)
    entries.push_back({.name = rendition.name,
                       .codecs = fmt::format("{}", fmt::join(rendition.codecs, ",")),
                       .bandwidth = rendition.peak,
                       .average_bandwidth = rendition.average,
                       .track = rendition.init->track});
  return entries;
}

}  // namespace

void ChannelOutput::answer_vod(net::HttpExchange& exchange, MediaObject object) {
  std::optional<DvrShow> show;
  std::shared_ptr<const PlaylistText> text;
  std::string file;
  std::uint64_t target_seconds = 0;
  Refusal refusal{404, "no show has ended, or nothing of it is on disk"};
  {
    const MutexLock lock(mutex_);
    if (!windows_.past()) refusal.why = "nothing of this channel is kept on disk";
    show = windows_.last_show();
    if (show) file = file_of(show->start_id, show->first);
    if (show && vod_multivariant_.file == file) text = vod_multivariant_.text;
    target_seconds = windows_.target_seconds();
  }
  if (!show) return decline(exchange, object, refusal);
  if (object == MediaObject::kVodPlaylist) return exchange.respond(redirect_response(object, file));
  if (!text) {
    text = std::make_shared<const PlaylistText>(
        playlist::render_multivariant(entries_of(*show),
                                      show->has_captions ? playlist::ClosedCaptions::kCea608
                                                         : playlist::ClosedCaptions::kNone,
                                      context_.options.audio_only ? playlist::AudioOnly::kOffered
                                                                  : playlist::AudioOnly::kLeftOut,
                                      file),
        fmt::format("{}-{}", context_.options.start_id, file), context_.playlists.compressed);
    Counter(context_.playlists.multivariant).increment();
    const MutexLock lock(mutex_);
    vod_multivariant_ = {file, text};
  }
  exchange.respond(
      playlist_response(exchange.request(), *text, object,
                        cache_rule(context_.options.cache, CacheClass::kEnded, target_seconds)));
}

void ChannelOutput::answer_vod_playlist(const std::shared_ptr<net::HttpExchange>& exchange,
                                        const MediaPath& path) {
  if (path.start_id.empty()) return answer_vod(*exchange, path.object);
  const std::string file = file_of(path.start_id, path.number);
  const std::string name = fmt::format("{}/{}", path.rendition, file);
  std::shared_ptr<const ShowPlaylist> playlist;
  {
    const MutexLock lock(mutex_);
    if (const auto known = vod_.find(name); known != vod_.end()) {
      playlist = known->second;
    } else if (auto listing = windows_.list_show(path.rendition, path.start_id, path.number)) {
      playlist = std::make_shared<const ShowPlaylist>(
          *std::move(listing), fmt::format("{}-{}", context_.options.start_id, file),
          context_.playlists);
      // They are mostly of one show, and it has not as many renditions.
      if (vod_.size() >= kMostVodPlaylists) vod_.clear();
      vod_[name] = playlist;
    }
  }
  if (!playlist)
    return decline(*exchange, path.object, {404, "no such show, or it is no longer kept"});
  const auto rule =
      cache_rule(context_.options.cache, CacheClass::kEnded, playlist->target_seconds());
  if (playlist->is_made(is_compressed_for(*exchange)))
    return exchange->respond(
        playlist_response(exchange->request(), *playlist->text(), path.object, rule));
  respond_later(
      exchange, path.object, [playlist = std::move(playlist)] { return playlist->text(); }, rule);
}

bool ChannelOutput::is_compressed_for(net::HttpExchange& exchange) {
  return net::accepts_gzip(exchange.request().header("accept-encoding"));
}

void ChannelOutput::respond_later(const std::shared_ptr<net::HttpExchange>& exchange,
                                  MediaObject object, MakeText make, const CacheRule& rule) {
  // The request goes back to its loop with the text, and is let go of there.
  auto task = [exchange = exchange, object, make = std::move(make), rule]() mutable {
    auto text = make();
    if (is_compressed_for(*exchange)) text->compressed();
    net::EventLoop& loop = exchange->loop();
    loop.post([exchange = std::move(exchange), text = std::move(text), object, rule] {
      exchange->respond(playlist_response(exchange->request(), *text, object, rule));
    });
  };
  if (!context_.options.dvr->run(std::move(task)))
    decline(*exchange, object, {503, "too much is being read from disk"});
}

}  // namespace millrace::hls
