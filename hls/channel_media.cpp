// ChannelOutput: media, from memory or from disk.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "hls/channel_output_rendition.h"
#include "hls/responses.h"

namespace millrace::hls {
namespace {

std::string media_etag(MediaObject object, std::string_view start_id, std::uint64_t number) {
  const char* const prefix = object == MediaObject::kInit        ? "init-"
                             : object == MediaObject::kPart      ? "p"
                             : object == MediaObject::kTsSegment ? "ts"
                                                                 : "s";
  return fmt::format("{}{}-{}", prefix, start_id, number);
}

CacheClass cache_class_of(MediaObject media) {
  return media == MediaObject::kInit   ? CacheClass::kInit
         : media == MediaObject::kPart ? CacheClass::kPart
                                       : CacheClass::kSegment;
}

std::size_t size_of(const std::vector<Bytes>& pieces) {
  std::size_t size = 0;
  for (const Bytes& piece : pieces) size += piece.size();
  return size;
}

}  // namespace

void ChannelOutput::answer_media(const std::shared_ptr<net::HttpExchange>& exchange,
                                 const MediaPath& path, TimePoint came_at) {
  std::vector<Bytes> body;
  std::optional<ParkedRequests::Key> parked;
  ParkedRequests* place = nullptr;
  Output* output = nullptr;
  MediaKind kind = MediaKind::kVideo;
  std::uint64_t target_seconds = 0;
  std::optional<DvrPast::Media> kept;
  Refusal refusal{404, "no such media"};
  {
    const MutexLock lock(mutex_);
    target_seconds = windows_.target_seconds();
    if (path.start_id == context_.options.start_id) output = find_output(path.rendition);
    if (output) {
      const SegmentWindow& window = *output->rendition.window;
      kind = output->rendition.options.kind;
      if (path.object == MediaObject::kSegment) body = window.find_segment(path.number);
      if (path.object == MediaObject::kInit) body = {window.find_init(path.number)};
      if (path.object == MediaObject::kPart) {
        body = {window.find_part(path.number)};
        // The hinted part: "the server MUST […] hold the request until all bytes are available".
        if (path.number == window.next_part() && !windows_.has_ended()) place = &output->parts;
      }
      if (path.object == MediaObject::kSegment && window.is_promised(path.number))
        place = &output->segments;
      if (place) {
        parked = park(*place, {path.number, 0}, {.exchange = exchange, .since = came_at});
        if (!parked) refusal = no_room();
      }
    }
    if (size_of(body) == 0 && !parked) kept = find_kept(path);
  }
  if (parked) return forget_when_aborted(*exchange, place, *parked);
  if (kept)
    return answer_kept(
        exchange,
        {path.object, kept->kind, std::string(path.start_id), path.number, target_seconds},
        std::move(kept->place));
  if (size_of(body) == 0) return decline(*exchange, path.object, refusal);
  respond_media(*exchange,
                {path.object, kind, std::string(path.start_id), path.number, target_seconds},
                std::move(body));
}

// --- What was promised ------------------------------------------------------------------------

Sink<CmafChunk>& ChannelOutput::promised(std::string_view rendition) {
  const MutexLock lock(mutex_);
  const auto found = std::ranges::find_if(outputs_, [rendition](const auto& output) {
    return output->rendition.options.name == rendition;
  });
  CHECK(found != outputs_.end());
  return (*found)->promised;
}

Status ChannelOutput::keep_promise(Output& output, CmafChunk chunk) {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    // Those who wait for another one wait again.
    if (windows_.keep_promise(output.rendition, std::move(chunk)))
      take(output.segments.take_all(), Woken::Why::kAgain, &output, woken);
    account();
  }
  let_out(std::move(woken));
  return ok();
}

Status ChannelOutput::break_promises(Output& output) {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    if (windows_.break_promises(output.rendition)) collect(woken);
  }
  let_out(std::move(woken));
  return ok();
}

// --- From disk --------------------------------------------------------------------------------

std::optional<DvrPast::Media> ChannelOutput::find_kept(const MediaPath& path) const {
  const DvrPast* const past = windows_.past();
  if (!past) return std::nullopt;
  if (path.object == MediaObject::kSegment)
    return past->find_segment(path.rendition, path.start_id, path.number);
  if (path.object == MediaObject::kInit)
    return past->find_init(path.rendition, path.start_id, path.number);
  return std::nullopt;
}

void ChannelOutput::answer_kept(const std::shared_ptr<net::HttpExchange>& exchange, Media media,
                                std::shared_ptr<const DvrPlace> place) {
  const auto object = media.object == MediaObject::kInit ? DvrObject::kInit : DvrObject::kSegment;
  const MediaObject asked = media.object;
  // The request goes back to its loop with the bytes, and is let go of there.
  auto done = [weak = weak_from_this(), exchange = exchange,
               media = std::move(media)](Bytes bytes) mutable {
    net::EventLoop& loop = exchange->loop();
    loop.post([weak = std::move(weak), exchange = std::move(exchange), media = std::move(media),
               bytes = std::move(bytes)] {
      const auto self = weak.lock();
      if (!self) return;
      if (bytes.empty())
        return self->decline(*exchange, media.object, {404, "it is no longer kept"});
      self->respond_media(*exchange, media, {bytes});
    });
  };
  if (!context_.options.dvr->read(std::move(place), object, std::move(done)))
    decline(*exchange, asked, {503, "too much is being read from disk"});
}

void ChannelOutput::respond_media(net::HttpExchange& exchange, const Media& media,
                                  std::vector<Bytes> body) const {
  const auto rule =
      cache_rule(context_.options.cache, cache_class_of(media.object), media.target_seconds);
  exchange.respond(media_response(exchange.request(), media.object, media.kind,
                                  media_etag(media.object, media.start_id, media.number),
                                  std::move(body), rule));
}

}  // namespace millrace::hls
