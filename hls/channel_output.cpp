#include "hls/channel_output.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "hls/channel_output_rendition.h"
#include "hls/playback/playback_path.h"
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
constexpr std::string_view kInterruptedText = "the server stops";

}  // namespace

ChannelOutput::ChannelOutput(std::string name, OriginContext& context,
                             const std::vector<DvrFound>& found)
    : name_(std::move(name)),
      context_(context),
      has_ts_(context.options.ts.is_on_for(name_)),
      publish_latency_(context.metrics.histogram(
          "millrace_hls_publish_latency_seconds",
          "From a part's last frame read from the publisher to the part being readable.",
          latency_bounds(), {{"channel", name_}})),
      late_parts_(context.metrics.counter("millrace_hls_late_parts_total",
                                          "Parts that came when their segment was closed already.",
                                          {{"channel", name_}})),
      windows_(name_, context.options.window, 0, context.metrics) {
  if (!context.options.dvr) return;
  const auto window = context.options.dvr->options().window_of(name_);
  if (window.count() == 0) return;
  auto past = std::make_unique<DvrPast>(window);
  past->load(found);
  windows_.keep_past(std::move(past), context.options.start_id);
}

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
        take(output->playlists.take_all(), Woken::Why::kPlaylist, output.get(), woken);
    }
  }
  let_out(std::move(woken));
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
  let_out(std::move(woken));
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
  let_out(std::move(woken));
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
  let_out(std::move(woken));
  return ok();
}

void ChannelOutput::end() {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    windows_.end(context_.clock.steady_now());
    collect(woken);
    // What was hinted will not come.
    for (auto& output : outputs_)
      take(output->parts.take_all(), Woken::Why::kPart, output.get(), woken);
    account();
  }
  let_out(std::move(woken));
}

void ChannelOutput::interrupt() {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    is_interrupted_ = true;
    for (auto& output : outputs_)
      for (auto* const place : output->waiting())
        take(place->take_all(), Woken::Why::kInterrupted, output.get(), woken);
    take(beginners_.take_all(), Woken::Why::kInterrupted, nullptr, woken);
  }
  let_out(std::move(woken));
}

void ChannelOutput::tick() {
  WokenList woken;
  {
    const MutexLock lock(mutex_);
    const auto now = context_.clock.steady_now();
    if (windows_.tick(now, context_.clock.wall_now())) vod_.clear();
    const std::chrono::seconds target(std::max(windows_.target_seconds(), kUsualTargetSeconds));
    for (auto& output : outputs_)
      for (auto* const place : output->waiting())
        take(place->take_since(now - kHoldTargets * target), Woken::Why::kTooLate, output.get(),
             woken);
    for (auto& output : outputs_) {
      auto given_up = output->playlists.take_impatient(now - kIdlePatience);
      if (given_up.empty()) continue;
      windows_.give_up(output->rendition, now);
      take(std::move(given_up), Woken::Why::kPlaylist, output.get(), woken);
    }
    collect_beginners(woken);
    take(beginners_.take_since(now - kBeginningPatience), Woken::Why::kTooLate, nullptr, woken);
    account();
  }
  let_out(std::move(woken));
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
    const Rendition& wanted = output->rendition;
    const bool is_awaited = wanted.awaited > 0;
    return {.last_request =
                output->playlists.size() > 0 ? context_.clock.steady_now() : output->last_request,
            .from = is_awaited ? wanted.window->open_number() : 0,
            .promised = is_awaited ? wanted.promised : 0};
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

std::optional<ParkedRequests::Key> ChannelOutput::wait_for_beginning(
    const std::shared_ptr<net::HttpExchange>& exchange, TimePoint since, Refusal& refusal) {
  if (windows_.has_ended()) {
    refusal = {404, "the show has ended"};
    return std::nullopt;
  }
  if (!has_publisher_ && !context_.is_expected(name_)) {
    refusal = {404, "the channel is not on air"};
    return std::nullopt;
  }
  auto parked = park(beginners_, {}, {.exchange = exchange, .since = since});
  if (!parked) refusal = no_room();
  return parked;
}

ChannelOutput::Refusal ChannelOutput::no_room() const {
  return {503, is_interrupted_ ? kInterruptedText : "too many requests wait"};
}

std::shared_ptr<const PlaylistSnapshot> ChannelOutput::snapshot(Output& output, bool wants_dvr) {
  Rendition& rendition = output.rendition;
  const SegmentNumber open = rendition.window->open_number();
  rendition.shown = rendition.window->has_open_parts() ? open : open - 1;
  DvrPast* const past = wants_dvr ? windows_.past() : nullptr;
  Output::Rendered& rendered = past ? output.dvr : output.live;
  if (!rendered.snapshot || rendered.version != rendition.version) {
    std::optional<DvrListing> listing;
    if (past) listing = past->list(past->rendition(rendition.options.name, rendition.options.kind));
    rendered.snapshot = std::make_shared<const PlaylistSnapshot>(
        windows_.header(rendition, context_.options.start_id), *rendition.window,
        context_.playlists, std::move(listing));
    rendered.version = rendition.version;
  }
  return rendered.snapshot;
}

void ChannelOutput::respond(const std::shared_ptr<net::HttpExchange>& exchange,
                            std::shared_ptr<const PlaylistSnapshot> playlist, bool wants_delta,
                            bool is_blocking) {
  const auto form = wants_delta ? PlaylistForm::kDelta : PlaylistForm::kFull;
  // What was asked for by its number never becomes wrong, but that a show has ended: the next one's
  // numbers go on.
  const auto kept_as = playlist->has_ended() ? CacheClass::kEnded
                       : is_blocking         ? CacheClass::kBlocking
                                             : CacheClass::kPlaylist;
  const auto rule = cache_rule(context_.options.cache, kept_as, playlist->target_seconds());
  if (playlist->is_made(form, is_compressed_for(*exchange)))
    return exchange->respond(playlist_response(exchange->request(), *playlist->text(form),
                                               MediaObject::kPlaylist, rule));
  respond_later(
      exchange, MediaObject::kPlaylist,
      [playlist = std::move(playlist), form] { return playlist->text(form); }, rule);
}

void ChannelOutput::decline(net::HttpExchange& exchange, MediaObject object,
                            const Refusal& refusal) const {
  exchange.respond(
      error_response(object, refusal.status, refusal.why, context_.options.cache.error));
}

// --- Requests ---------------------------------------------------------------------------------

void ChannelOutput::begin(std::uint64_t discontinuity_sequence) {
  const MutexLock lock(mutex_);
  has_publisher_ = true;
  windows_.set_discontinuity_sequence(discontinuity_sequence);
}

void ChannelOutput::answer(const std::shared_ptr<net::HttpExchange>& exchange,
                           const MediaPath& path, std::optional<TimePoint> came_at) {
  // Who watches what is over wants nothing of what is live.
  if (path.object == MediaObject::kVod) return answer_vod(*exchange, path.object);
  if (path.object == MediaObject::kVodPlaylist) return answer_vod_playlist(exchange, path);
  const auto now = context_.clock.steady_now();
  last_request_.store(now, std::memory_order_relaxed);
  switch (path.object) {
    case MediaObject::kMultivariant:
      return answer_multivariant(exchange, came_at.value_or(now));
    case MediaObject::kPlaylist:
      return answer_playlist(exchange, path, came_at.value_or(now));
    case MediaObject::kTsMultivariant:
    case MediaObject::kTsPlaylist:
    case MediaObject::kTsSegment:
      return answer_ts(exchange, path, came_at.value_or(now));
    default:
      return answer_media(exchange, path, came_at.value_or(now));
  }
}

void ChannelOutput::answer_again(const ParkedRequest& request) {
  const net::HttpRequest& asked = request.exchange->request();
  const auto path = parse_media_path(parse_playback_path(asked.path, asked.query).path);
  CHECK(path);  // It was one when it came.
  answer(request.exchange, *path, request.since);
}

void ChannelOutput::answer_playlist(const std::shared_ptr<net::HttpExchange>& exchange,
                                    const MediaPath& path, TimePoint came_at) {
  const auto directives = parse_delivery_directives(exchange->request().query);
  if (!directives.has_value())
    return decline(*exchange, MediaObject::kPlaylist, {400, directives.error().message});
  const DeliveryDirectives& asked = directives.value();
  std::shared_ptr<const PlaylistSnapshot> playlist;
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
    } else if (output) {
      output->last_request = now;
      is_idle = windows_.is_idle(output->rendition);
      ReloadDecision decision;
      if (is_idle)
        decision = decide_idle(asked, *output, true);
      else if (!windows_.has_ended())
        decision = decide_reload(asked, output->rendition.window->edge());
      if (!is_idle && is_too_early(asked, *output)) {
        decision.answer = ReloadAnswer::kHeld;
        decision.wait_for = {output->rendition.window->open_number(), PlaylistPosition::kWhole};
      }
      if (decision.answer == ReloadAnswer::kAtOnce && windows_.is_servable(output->rendition))
        playlist = snapshot(*output, asked.dvr);
      if (decision.answer == ReloadAnswer::kRefused)
        refusal = {400, "too far ahead of the live edge"};
      if (decision.answer == ReloadAnswer::kHeld) {
        place = &output->playlists;
        parked = park(*place, decision.wait_for,
                      {.exchange = exchange,
                       .wants_delta = asked.skip,
                       .wants_dvr = asked.dvr,
                       .is_blocking_reload = asked.media_sequence_number.has_value(),
                       .is_impatient = is_idle && !asked.media_sequence_number,
                       .since = now});
        if (!parked) refusal = no_room();
      }
    }
  }
  if (parked) {
    if (is_idle && on_awaited_) on_awaited_();
    return forget_when_aborted(*exchange, place, *parked);
  }
  if (playlist)
    return respond(exchange, std::move(playlist), asked.skip,
                   asked.media_sequence_number.has_value());
  decline(*exchange, MediaObject::kPlaylist, refusal);
}

/// A playlist of parts alone is one by the letter. hls.js takes it for an empty one, which is an
/// error, and FFmpeg for the end; who can use it names what he waits for.
bool ChannelOutput::is_too_early(const DeliveryDirectives& asked, const Output& output) const {
  return !asked.media_sequence_number && !windows_.has_ended() &&
         output.rendition.window->listed_count() == 0 && !(asked.dvr && windows_.lists_past());
}

ReloadDecision ChannelOutput::decide_idle(const DeliveryDirectives& asked, Output& output,
                                          bool promises) {
  ReloadDecision decision = decide_reload(asked, windows_.newest_edge());
  if (decision.answer == ReloadAnswer::kRefused) return decision;
  const MediaTime target = std::chrono::seconds(windows_.target_seconds());
  windows_.await(output.rendition,
                 asked.media_sequence_number ? kCatchUpLowLatency : kCatchUpTargets * target,
                 promises, context_.clock.steady_now());
  decision.answer = ReloadAnswer::kHeld;
  decision.wait_for = windows_.open_position();
  if (asked.media_sequence_number)
    decision.wait_for =
        std::max(decision.wait_for,
                 {*asked.media_sequence_number, asked.part.value_or(PlaylistPosition::kWhole)});
  return decision;
}

std::optional<ParkedRequests::Key> ChannelOutput::park(ParkedRequests& place,
                                                       const PlaylistPosition& wait_for,
                                                       ParkedRequest request) {
  if (is_interrupted_ || !context_.make_room()) return std::nullopt;
  return place.add(wait_for, std::move(request));
}

void ChannelOutput::forget_when_aborted(net::HttpExchange& exchange, ParkedRequests* place,
                                        const ParkedRequests::Key& key) {
  exchange.on_abort([weak = weak_from_this(), place, key] {
    if (const auto self = weak.lock()) self->abort(*place, key);
  });
}

void ChannelOutput::abort(ParkedRequests& place, const ParkedRequests::Key& key) {
  const MutexLock lock(mutex_);
  // Else it has been woken meanwhile.
  if (place.remove(key)) context_.count_let_go(1);
}

// --- Waking -----------------------------------------------------------------------------------

void ChannelOutput::collect(WokenList& woken) {
  collect_beginners(woken);
  for (auto& output : outputs_) {
    const auto& window = output->rendition.window;
    // Of what was promised, and is not any more.
    if (output->segments.size() > 0 && !(window && window->has_promises()))
      take(output->segments.take_all(), Woken::Why::kAgain, output.get(), woken);
    if (output->playlists.size() == 0) continue;
    const bool is_begun = window && (!window->is_empty() || output->rendition.options.init);
    if (windows_.has_ended() || !is_begun)
      take(output->playlists.take_all(), Woken::Why::kPlaylist, output.get(), woken);
    else
      take(output->playlists.take_reached(window->edge()), Woken::Why::kPlaylist, output.get(),
           woken);
  }
}

void ChannelOutput::collect_beginners(WokenList& woken) {
  if (beginners_.size() > 0 &&
      (windows_.has_ended() || windows_.is_ready(context_.clock.steady_now())))
    take(beginners_.take_all(), Woken::Why::kAgain, nullptr, woken);
}

void ChannelOutput::collect_parts(Output& output, std::uint64_t part,
                                  const std::vector<Bytes>& bytes, WokenList& woken) {
  const std::size_t first = woken.size();
  take(output.parts.take_all(), Woken::Why::kPart, &output, woken);
  for (std::size_t i = first; i < woken.size(); ++i) {
    woken[i].part = part;
    woken[i].bytes = bytes;
  }
}

void ChannelOutput::take(std::vector<ParkedRequest> requests, Woken::Why why, Output* output,
                         WokenList& woken) {
  if (requests.empty()) return;
  context_.count_let_go(requests.size());
  for (auto& request : requests)
    woken.push_back({.request = std::move(request), .why = why, .output = output, .bytes = {}});
}

void ChannelOutput::let_out(WokenList woken) {
  wake(std::move(woken));
  if (!context_.options.dvr) return;
  std::vector<DvrJob> jobs;
  {
    const MutexLock lock(mutex_);
    jobs = windows_.take_jobs();
  }
  for (DvrJob& job : jobs) context_.options.dvr->append(std::move(job));
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
  const MediaObject object = is_part                  ? MediaObject::kPart
                             : woken.request.wants_ts ? MediaObject::kTsPlaylist
                                                      : MediaObject::kPlaylist;
  if (woken.why == Woken::Why::kTooLate)
    return decline(exchange, object, {503, "nothing new came in time"});
  if (woken.why == Woken::Why::kInterrupted)
    return decline(exchange, object, {503, kInterruptedText});
  if (woken.why == Woken::Why::kAgain) return answer_again(woken.request);
  std::shared_ptr<const PlaylistSnapshot> playlist;
  std::shared_ptr<const TsPlaylist> ts;
  MediaKind kind = MediaKind::kVideo;
  std::uint64_t target_seconds = 0;
  {
    const MutexLock lock(mutex_);
    kind = woken.output->rendition.options.kind;
    target_seconds = windows_.target_seconds();
    if (!is_part && windows_.is_servable(woken.output->rendition)) {
      if (woken.request.wants_ts)
        ts = ts_playlist(*woken.output);
      else
        playlist = snapshot(*woken.output, woken.request.wants_dvr);
    }
    if (!is_part) woken.output->last_request = context_.clock.steady_now();
  }
  if (ts) return respond_ts(exchange, *ts);
  if (object == MediaObject::kTsPlaylist) return decline(exchange, object, no_ts_yet());
  if (playlist)
    return respond(woken.request.exchange, std::move(playlist), woken.request.wants_delta,
                   woken.request.is_blocking_reload);
  if (woken.bytes.empty()) return decline(exchange, object, {404, "it will not come"});
  respond_media(exchange, {object, kind, context_.options.start_id, woken.part, target_seconds},
                woken.bytes);
}

}  // namespace millrace::hls
