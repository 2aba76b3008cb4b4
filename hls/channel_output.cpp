#include "hls/channel_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "hls/playlist/multivariant_playlist.h"
#include "hls/responses.h"

namespace millrace::hls {
namespace {

// rfc8216bis 6.2.5.2: "the Server SHOULD return Service Unavailable" to what waited so long.
constexpr int kHoldTargets = 3;
// Who wants an idle rendition whose media does not come takes a playlist of gaps, and leaves it.
constexpr std::chrono::seconds kIdlePatience(3);
// How far an idle rendition is to catch up. A player that comes without a position begins three
// target durations back; one that names what it wants has media nearly up to there.
constexpr int kCatchUpTargets = 3;
constexpr MediaTime kCatchUpLowLatency = std::chrono::milliseconds(1);
// Where no target duration is promised yet.
constexpr std::uint64_t kUsualTargetSeconds = 2;

std::string media_etag(MediaObject object, std::string_view start_id, std::uint64_t number) {
  const char* const prefix = object == MediaObject::kInit   ? "init-"
                             : object == MediaObject::kPart ? "p"
                                                            : "s";
  return fmt::format("{}{}-{}", prefix, start_id, number);
}

std::size_t size_of(const std::vector<Bytes>& pieces) {
  std::size_t size = 0;
  for (const Bytes& piece : pieces) size += piece.size();
  return size;
}

}  // namespace

OriginContext::OriginContext(Options its_options, Metrics& its_metrics, const Clock& its_clock)
    : options(std::move(its_options)),
      metrics(its_metrics),
      clock(its_clock),
      playlists(its_metrics),
      window_bytes_gauge(its_metrics.gauge("millrace_hls_window_bytes",
                                           "Media in memory, all channels together.")),
      trimmed_segments(its_metrics.counter(
          "millrace_hls_window_trimmed_segments_total",
          "Segments that left playlists early because hls.max_window was reached.")),
      parked_gauge(its_metrics.gauge("millrace_hls_parked_requests",
                                     "Requests that wait for a part or a playlist.")),
      parked_seconds(its_metrics.histogram("millrace_hls_parked_seconds",
                                           "How long requests waited for a part or a playlist.",
                                           latency_bounds())) {}

struct ChannelOutput::Output final : Sink<CmafChunk> {
  Output(ChannelOutput& its_channel, Rendition& its_rendition)
      : channel(its_channel), rendition(its_rendition) {}

  Status push(CmafChunk chunk) override { return channel.push(*this, std::move(chunk)); }
  Status finish() override { return channel.rest(*this); }

  ChannelOutput& channel;
  // Under the channel's lock, all that follows.
  Rendition& rendition;
  std::shared_ptr<const PlaylistSnapshot> snapshot;
  std::uint64_t snapshot_version = 0;
  TimePoint last_request;  ///< For its playlist, or when such a one was answered.
  ParkedRequests playlists;
  ParkedRequests parts;  ///< All for the next one: {its counter, 0}.
};

ChannelOutput::ChannelOutput(std::string name, std::uint64_t discontinuity_sequence,
                             OriginContext& context)
    : name_(std::move(name)),
      context_(context),
      publish_latency_(context.metrics.histogram(
          "millrace_hls_publish_latency_seconds",
          "From a part's last frame read from the publisher to the part being readable.",
          latency_bounds(), {{"channel", name_}})),
      late_parts_(context.metrics.counter("millrace_hls_late_parts_total",
                                          "Parts that came when their segment was closed already.",
                                          {{"channel", name_}})),
      windows_(name_, context.options.window, discontinuity_sequence, context.metrics) {}

ChannelOutput::~ChannelOutput() {
  context_.window_bytes -= accounted_bytes_;
}

// --- What the channel brings ------------------------------------------------------------------

Sink<CmafChunk>& ChannelOutput::add_rendition(RenditionOptions options) {
  const MutexLock lock(mutex_);
  Rendition& rendition = windows_.add_rendition(std::move(options));
  for (auto& output : outputs_)
    if (&output->rendition == &rendition) return *output;
  outputs_.push_back(std::make_unique<Output>(*this, rendition));
  return *outputs_.back();
}

void ChannelOutput::renditions_complete() {
  const MutexLock lock(mutex_);
  windows_.renditions_complete(context_.clock.steady_now());
}

void ChannelOutput::set_holding(bool is_holding) {
  const MutexLock lock(mutex_);
  windows_.set_holding(is_holding);
}

void ChannelOutput::refuse(std::string_view name, bool is_refused) {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    for (auto& output : outputs_) {
      Rendition& rendition = output->rendition;
      if (rendition.options.name != name || rendition.is_refused == is_refused) continue;
      windows_.refuse(rendition, is_refused, context_.clock.steady_now());
      // Whoever waits for it to wake up learns it now.
      if (is_refused && rendition.is_resting)
        take(output->playlists.take_all(), Woken::Why::kPlaylist, *output, woken);
    }
  }
  wake(std::move(woken));
}

void ChannelOutput::declare_closed_captions() {
  const MutexLock lock(mutex_);
  windows_.declare_closed_captions();
}

void ChannelOutput::promise_target_duration(MediaTime target) {
  const MutexLock lock(mutex_);
  windows_.promise_target_duration(target);
}

void ChannelOutput::open_segment(SegmentNumber number, MediaTime start, bool starts_discontinuity) {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    windows_.open_segment(number, start, starts_discontinuity, context_.clock.steady_now());
    collect(woken);
    account();
  }
  wake(std::move(woken));
}

Status ChannelOutput::push(Output& output, CmafChunk chunk) {
  const auto received_at = chunk.received_at;
  const Bytes bytes = chunk.bytes;
  WokenList woken;
  bool is_late = false;
  {
    const MutexLock lock(mutex_);
    const auto now = context_.clock.steady_now();
    const std::uint64_t hinted = output.rendition.next_part;
    ASSIGN_OR_RETURN(const bool is_taken, windows_.push(output.rendition, std::move(chunk), now));
    is_late = !is_taken;
    if (is_taken) {
      const bool is_hinted = output.rendition.next_part == hinted + 1;
      collect_parts(output, hinted, is_hinted ? std::vector{bytes} : std::vector<Bytes>(), woken);
      collect(woken);
    }
    account();
  }
  if (is_late) {
    late_parts_.increment();
    return ok();
  }
  const auto latency = context_.clock.steady_now() - received_at;
  publish_latency_.observe(std::chrono::duration<double>(latency).count());
  wake(std::move(woken));
  return ok();
}

Status ChannelOutput::rest(Output& output) {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    windows_.rest(output.rendition, context_.clock.steady_now());
    collect(woken);
    account();
  }
  wake(std::move(woken));
  return ok();
}

void ChannelOutput::end() {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    windows_.end(context_.clock.steady_now());
    collect(woken);
    // What was hinted will not come.
    for (auto& output : outputs_) take(output->parts.take_all(), Woken::Why::kPart, *output, woken);
    account();
  }
  wake(std::move(woken));
}

void ChannelOutput::tick() {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    const auto now = context_.clock.steady_now();
    windows_.tick(now);
    const std::chrono::seconds target(std::max(windows_.target_seconds(), kUsualTargetSeconds));
    for (auto& output : outputs_)
      for (auto* const place : {&output->playlists, &output->parts})
        take(place->take_since(now - kHoldTargets * target), Woken::Why::kTooLate, *output, woken);
    for (auto& output : outputs_) {
      auto given_up = output->playlists.take_impatient(now - kIdlePatience);
      if (given_up.empty()) continue;
      windows_.give_up(output->rendition, now);
      take(std::move(given_up), Woken::Why::kPlaylist, *output, woken);
    }
    account();
  }
  wake(std::move(woken));
}

void ChannelOutput::account() {
  if (context_.window_bytes - accounted_bytes_ + windows_.bytes() >
      context_.options.max_window_bytes) {
    const std::size_t gone = windows_.shrink(context_.clock.steady_now());
    context_.trimmed_segments.increment(static_cast<double>(gone));
  }
  const std::size_t bytes = windows_.bytes();
  if (bytes == accounted_bytes_) return;
  context_.window_bytes += bytes - accounted_bytes_;  // Wraps as it should when there are fewer.
  context_.window_bytes_gauge.add(static_cast<double>(bytes) -
                                  static_cast<double>(accounted_bytes_));
  accounted_bytes_ = bytes;
}

ChannelStatus ChannelOutput::status() const {
  const MutexLock lock(mutex_);
  ChannelStatus status{.name = name_,
                       .is_playable = windows_.is_ready(context_.clock.steady_now()),
                       .has_ended = windows_.has_ended(),
                       .renditions = {}};
  for (const auto& rendition : windows_.renditions()) {
    if (!rendition->is_active || !windows_.is_listed(*rendition)) continue;
    const InitSegment& init = *windows_.init_of(*rendition);
    const VideoParameters& video = init.track->video;
    status.renditions.push_back({.name = rendition->options.name,
                                 .kind = rendition->options.kind,
                                 .codecs = init.codecs,
                                 .width = video.width,
                                 .height = video.height,
                                 .frame_rate = static_cast<double>(video.frame_rate.numerator) /
                                               static_cast<double>(video.frame_rate.denominator),
                                 .bits_per_second = rendition->bandwidth.measured_average(),
                                 .is_idle = windows_.is_idle(*rendition),
                                 .is_refused = rendition->is_refused});
  }
  return status;
}

Demand ChannelOutput::demand(std::string_view rendition) const {
  const MutexLock lock(mutex_);
  for (const auto& output : outputs_) {
    if (output->rendition.options.name != rendition) continue;
    const bool is_awaited = output->rendition.awaited > 0;
    return {.last_request =
                output->playlists.size() > 0 ? context_.clock.steady_now() : output->last_request,
            .from = is_awaited ? output->rendition.window->open_number() : 0};
  }
  return {};
}

// --- Playlists --------------------------------------------------------------------------------

ChannelOutput::Output* ChannelOutput::find_output(std::string_view rendition) {
  for (auto& output : outputs_)
    if (output->rendition.options.name == rendition && windows_.is_listed(output->rendition))
      return output.get();
  return nullptr;
}

ChannelOutput::Refusal ChannelOutput::not_ready() const {
  if (windows_.has_ended()) return {404, "the show has ended"};
  return {503, "the channel has not begun yet"};
}

std::shared_ptr<const PlaylistSnapshot> ChannelOutput::snapshot(Output& output) {
  Rendition& rendition = output.rendition;
  const SegmentNumber open = rendition.window->open_number();
  rendition.shown = rendition.window->has_open_parts() ? open : open - 1;
  if (!output.snapshot || output.snapshot_version != rendition.version) {
    output.snapshot = std::make_shared<const PlaylistSnapshot>(
        windows_.header(rendition, context_.options.start_id), *rendition.window,
        context_.playlists);
    output.snapshot_version = rendition.version;
  }
  return output.snapshot;
}

void ChannelOutput::answer_multivariant(net::HttpExchange& exchange) {
  std::shared_ptr<const PlaylistText> text;
  std::vector<playlist::RenditionEntry> entries;
  std::uint64_t version = 0, target_seconds = 0;
  auto captions = playlist::ClosedCaptions::kNone;
  Refusal refusal;
  {
    const MutexLock lock(mutex_);
    refusal = not_ready();
    version = windows_.multivariant_version();
    target_seconds = windows_.target_seconds();
    captions = windows_.closed_captions();
    if (windows_.is_ready(context_.clock.steady_now())) {
      if (multivariant_version_ == version) text = multivariant_;
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
  }
  if (!text && entries.empty())
    return exchange.respond(
        error_response(MediaObject::kMultivariant, refusal.status, refusal.why));
  if (!text) {
    text = std::make_shared<const PlaylistText>(
        playlist::render_multivariant(entries, captions),
        fmt::format("{}-{}", context_.options.start_id, version), context_.playlists.compressed);
    Counter(context_.playlists.multivariant).increment();
    const MutexLock lock(mutex_);
    multivariant_ = text;
    multivariant_version_ = version;
  }
  exchange.respond(playlist_response(exchange.request(), *text, MediaObject::kMultivariant,
                                     playlist_cache_rule(target_seconds, false)));
}

void ChannelOutput::respond(net::HttpExchange& exchange, const PlaylistSnapshot& playlist,
                            bool wants_delta, bool is_blocking) {
  const auto text = playlist.text(wants_delta ? PlaylistForm::kDelta : PlaylistForm::kFull);
  exchange.respond(playlist_response(exchange.request(), *text, MediaObject::kPlaylist,
                                     playlist_cache_rule(playlist.target_seconds(), is_blocking)));
}

// --- Requests ---------------------------------------------------------------------------------

void ChannelOutput::answer(const std::shared_ptr<net::HttpExchange>& exchange,
                           const MediaPath& path) {
  last_request_.store(context_.clock.steady_now(), std::memory_order_relaxed);
  switch (path.object) {
    case MediaObject::kMultivariant:
      return answer_multivariant(*exchange);
    case MediaObject::kPlaylist:
      return answer_playlist(exchange, path);
    default:
      return answer_media(exchange, path);
  }
}

void ChannelOutput::answer_playlist(const std::shared_ptr<net::HttpExchange>& exchange,
                                    const MediaPath& path) {
  const auto directives = parse_delivery_directives(exchange->request().query);
  if (!directives.has_value())
    return exchange->respond(
        error_response(MediaObject::kPlaylist, 400, directives.error().message));
  const DeliveryDirectives& asked = directives.value();
  std::shared_ptr<const PlaylistSnapshot> playlist;
  std::optional<ParkedRequests::Key> parked;
  Output* output = nullptr;
  bool is_idle = false;
  Refusal refusal{404, "no such rendition"};
  {
    const MutexLock lock(mutex_);
    const auto now = context_.clock.steady_now();
    output = find_output(path.rendition);
    if (!windows_.is_ready(now)) {
      refusal = not_ready();
    } else if (output) {
      output->last_request = now;
      is_idle = windows_.is_idle(output->rendition);
      ReloadDecision decision;
      if (is_idle)
        decision = decide_idle(asked, *output);
      else if (!windows_.has_ended())
        decision = decide_reload(asked, output->rendition.window->edge());
      if (decision.answer == ReloadAnswer::kAtOnce && windows_.is_servable(output->rendition))
        playlist = snapshot(*output);
      if (decision.answer == ReloadAnswer::kRefused)
        refusal = {400, "too far ahead of the live edge"};
      if (decision.answer == ReloadAnswer::kHeld) {
        parked = park(output->playlists, decision.wait_for,
                      {.exchange = exchange,
                       .wants_delta = asked.skip,
                       .is_blocking_reload = !is_idle || asked.media_sequence_number.has_value(),
                       .since = now});
        if (!parked) refusal = {503, "too many requests wait"};
      }
    }
  }
  if (parked) {
    if (is_idle && on_awaited_) on_awaited_();
    return forget_when_aborted(*exchange, *output, MediaObject::kPlaylist, *parked);
  }
  if (playlist)
    return respond(*exchange, *playlist, asked.skip, asked.media_sequence_number.has_value());
  exchange->respond(error_response(MediaObject::kPlaylist, refusal.status, refusal.why));
}

ReloadDecision ChannelOutput::decide_idle(const DeliveryDirectives& asked, Output& output) {
  ReloadDecision decision = decide_reload(asked, windows_.newest_edge());
  if (decision.answer == ReloadAnswer::kRefused) return decision;
  const MediaTime target = std::chrono::seconds(windows_.target_seconds());
  windows_.await(output.rendition,
                 asked.media_sequence_number ? kCatchUpLowLatency : kCatchUpTargets * target);
  decision.answer = ReloadAnswer::kHeld;
  decision.wait_for = windows_.open_position();
  if (asked.media_sequence_number)
    decision.wait_for =
        std::max(decision.wait_for,
                 {*asked.media_sequence_number, asked.part.value_or(PlaylistPosition::kWhole)});
  return decision;
}

void ChannelOutput::answer_media(const std::shared_ptr<net::HttpExchange>& exchange,
                                 const MediaPath& path) {
  std::vector<Bytes> body;
  std::optional<ParkedRequests::Key> parked;
  Output* output = nullptr;
  MediaKind kind = MediaKind::kVideo;
  std::uint64_t target_seconds = 0;
  Refusal refusal{404, "no such media"};
  if (path.start_id == context_.options.start_id) {
    const MutexLock lock(mutex_);
    target_seconds = windows_.target_seconds();
    output = find_output(path.rendition);
    if (output) {
      const SegmentWindow& window = *output->rendition.window;
      kind = output->rendition.options.kind;
      if (path.object == MediaObject::kSegment) body = window.find_segment(path.number);
      if (path.object == MediaObject::kInit) body = {window.find_init(path.number)};
      if (path.object == MediaObject::kPart) {
        body = {window.find_part(path.number)};
        // The hinted part: "the server MUST […] hold the request until all bytes are available".
        if (path.number == window.next_part() && !windows_.has_ended()) {
          parked = park(output->parts, {path.number, 0},
                        {.exchange = exchange, .since = context_.clock.steady_now()});
          if (!parked) refusal = {503, "too many requests wait"};
        }
      }
    }
  }
  if (parked) return forget_when_aborted(*exchange, *output, MediaObject::kPart, *parked);
  if (size_of(body) == 0)
    return exchange->respond(error_response(path.object, refusal.status, refusal.why));
  exchange->respond(media_response(exchange->request(), path.object, kind,
                                   media_etag(path.object, path.start_id, path.number),
                                   std::move(body), media_cache_rule(path.object, target_seconds)));
}

std::optional<ParkedRequests::Key> ChannelOutput::park(ParkedRequests& place,
                                                       const PlaylistPosition& wait_for,
                                                       ParkedRequest request) {
  if (context_.parked.fetch_add(1) >= context_.options.max_parked_requests) {
    --context_.parked;
    return std::nullopt;
  }
  context_.parked_gauge.add(1);
  return place.add(wait_for, std::move(request));
}

void ChannelOutput::forget_when_aborted(net::HttpExchange& exchange, Output& output,
                                        MediaObject object, const ParkedRequests::Key& key) {
  exchange.on_abort([weak = weak_from_this(), &output, object, key] {
    if (const auto self = weak.lock()) self->abort(output, object, key);
  });
}

void ChannelOutput::abort(Output& output, MediaObject object, const ParkedRequests::Key& key) {
  const MutexLock lock(mutex_);
  auto& place = object == MediaObject::kPart ? output.parts : output.playlists;
  if (!place.remove(key)) return;  // It has been woken meanwhile.
  --context_.parked;
  context_.parked_gauge.add(-1);
}

// --- Waking -----------------------------------------------------------------------------------

void ChannelOutput::collect(WokenList& woken) {
  for (auto& output : outputs_) {
    if (output->playlists.size() == 0) continue;
    const auto& window = output->rendition.window;
    const bool is_begun = window && (!window->is_empty() || output->rendition.options.init);
    if (windows_.has_ended() || !is_begun)
      take(output->playlists.take_all(), Woken::Why::kPlaylist, *output, woken);
    else
      take(output->playlists.take_reached(window->edge()), Woken::Why::kPlaylist, *output, woken);
  }
}

void ChannelOutput::collect_parts(Output& output, std::uint64_t part,
                                  const std::vector<Bytes>& bytes, WokenList& woken) {
  const std::size_t first = woken.size();
  take(output.parts.take_all(), Woken::Why::kPart, output, woken);
  for (std::size_t i = first; i < woken.size(); ++i) {
    woken[i].part = part;
    woken[i].bytes = bytes;
  }
}

void ChannelOutput::take(std::vector<ParkedRequest> requests, Woken::Why why, Output& output,
                         WokenList& woken) {
  if (requests.empty()) return;
  context_.parked -= requests.size();
  context_.parked_gauge.add(-static_cast<double>(requests.size()));
  for (auto& request : requests)
    woken.push_back({.request = std::move(request), .why = why, .output = &output, .bytes = {}});
}

void ChannelOutput::wake(WokenList woken) {
  if (woken.empty()) return;
  const auto now = context_.clock.steady_now();
  std::vector<std::pair<net::EventLoop*, WokenList>> by_loop;
  for (Woken& one : woken) {
    context_.parked_seconds.observe(std::chrono::duration<double>(now - one.request.since).count());
    net::EventLoop* const loop = &one.request.exchange->loop();
    auto batch = std::ranges::find(by_loop, loop, &std::pair<net::EventLoop*, WokenList>::first);
    if (batch == by_loop.end()) batch = by_loop.insert(batch, {loop, {}});
    batch->second.push_back(std::move(one));
  }
  for (auto& [loop, batch] : by_loop)
    loop->post([self = shared_from_this(), batch = std::move(batch)] {
      for (const Woken& one : batch) self->answer_woken(one);
    });
}

void ChannelOutput::answer_woken(const Woken& woken) {
  net::HttpExchange& exchange = *woken.request.exchange;
  const bool is_part = woken.why == Woken::Why::kPart;
  const MediaObject object = is_part ? MediaObject::kPart : MediaObject::kPlaylist;
  if (woken.why == Woken::Why::kTooLate)
    return exchange.respond(error_response(object, 503, "nothing new came in time"));
  std::shared_ptr<const PlaylistSnapshot> playlist;
  MediaKind kind = MediaKind::kVideo;
  std::uint64_t target_seconds = 0;
  {
    const MutexLock lock(mutex_);
    kind = woken.output->rendition.options.kind;
    target_seconds = windows_.target_seconds();
    if (!is_part && windows_.is_servable(woken.output->rendition))
      playlist = snapshot(*woken.output);
    if (!is_part) woken.output->last_request = context_.clock.steady_now();
  }
  if (playlist)
    return respond(exchange, *playlist, woken.request.wants_delta,
                   woken.request.is_blocking_reload);
  if (woken.bytes.empty()) return exchange.respond(error_response(object, 404, "it will not come"));
  exchange.respond(media_response(exchange.request(), object, kind,
                                  media_etag(object, context_.options.start_id, woken.part),
                                  woken.bytes, media_cache_rule(object, target_seconds)));
}

}  // namespace millrace::hls
