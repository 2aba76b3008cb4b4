#include "hls/channel_windows.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace millrace::hls {
namespace {

using namespace std::chrono_literals;

// rfc8216bis 6.2.2: "The server MUST NOT remove a Media Segment from a Playlist file without an
// EXT-X-ENDLIST tag if that would produce a Playlist whose duration is less than three times the
// Target Duration". Apple's authoring specification wants six segments.
constexpr int kLeastTargets = 3;
constexpr std::size_t kLeastSegments = 6;
// Apple's authoring specification 14.3.
constexpr playlist::PrintedTime kHoldBackParts = 3;
// A rendition that has no init segment by then is left out of the multivariant playlist until it
// has one (design.md §6).
constexpr std::chrono::seconds kPatience(2);
// A rendition that is awaited and has nothing when so many further segments have opened holds up
// what leaves all windows; and who asks for what was promised has waited long enough.
constexpr SegmentNumber kMostAwaited = 2;
// Times are rounded to ticks and nanoseconds; no frame is as short.
constexpr MediaTime kRounding = 1ms;
// A longer hole at a segment's end is a gap: players step over shorter ones by themselves.
constexpr MediaTime kLargestHole = 50ms;

}  // namespace

ChannelWindows::ChannelWindows(std::string channel, MediaTime window,
                               std::uint64_t discontinuity_sequence, Metrics& metrics)
    : channel_(std::move(channel)),
      window_(window),
      metrics_(metrics),
      discontinuity_sequence_(discontinuity_sequence) {}

void ChannelWindows::keep_past(std::unique_ptr<DvrPast> past, const std::string& start_id) {
  past_ = std::move(past);
  start_id_ = std::make_shared<const std::string>(start_id);
}

// --- Renditions -------------------------------------------------------------------------------

ChannelWindows::Rendition& ChannelWindows::add_rendition(RenditionOptions options) {
  for (auto& rendition : renditions_) {
    if (rendition->options.name != options.name) continue;
    rendition->is_announced = true;
    rendition->options.init = std::move(options.init);
    if (rendition->window && rendition->options.init)
      rendition->window->announce(rendition->options.init);
    return *rendition;
  }
  const Labels labels{{"channel", channel_}, {"rendition", options.name}};
  renditions_.push_back(std::make_unique<Rendition>(Rendition{
      .options = options,
      .bandwidth = Bandwidth(options.declared_bits_per_second, options.kind == MediaKind::kVideo),
      .parts = metrics_.counter("millrace_hls_parts_total", "Parts published.", labels),
      .segments = metrics_.counter("millrace_hls_segments_total",
                                   "Segments completed with all their media.", labels),
      .gaps = metrics_.counter("millrace_hls_gap_segments_total",
                               "Segments listed as gaps: their media is missing, or a part of it.",
                               labels),
      .window = std::nullopt,
      .is_announced = true}));
  return *renditions_.back();
}

void ChannelWindows::renditions_complete(TimePoint now) {
  for (auto& rendition : renditions_)
    rendition->is_active = std::exchange(rendition->is_announced, false);
  if (!complete_since_) complete_since_ = now;
  ++multivariant_version_;
  all_changed();  // The reports name others.
}

ChannelWindows::Rendition* ChannelWindows::find(std::string_view name) {
  for (auto& rendition : renditions_)
    if (rendition->options.name == name && rendition->window) return rendition.get();
  return nullptr;
}

/// It begins where the others' windows do, with gaps.
void ChannelWindows::begin_window(Rendition& rendition, TimePoint now) {
  rendition.window.emplace(opened_.front().number, rendition.next_part);
  if (rendition.options.init) rendition.window->announce(rendition.options.init);
  rendition.is_resting = true;
  settle(rendition, now);
}

void ChannelWindows::declare_closed_captions() {
  closed_captions_ = playlist::ClosedCaptions::kCea608;
  ++multivariant_version_;
}

// --- Segments ---------------------------------------------------------------------------------

void ChannelWindows::promise_target_duration(MediaTime target) {
  target_seconds_ =
      static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(target).count());
  ++multivariant_version_;
  all_changed();
}

void ChannelWindows::open_segment(SegmentNumber number, MediaTime start, bool starts_discontinuity,
                                  TimePoint now) {
  if (std::exchange(has_ended_, false)) begin_show(number, now);
  CHECK(opened_.empty() || number == opened_.back().number + 1);
  if (on_air_ == 0) on_air_ = number;
  // What a playlist with ?dvr lists before it is of another show, or of an earlier start.
  if (past_ && opened_.empty() && !past_->is_empty()) starts_discontinuity = true;
  newest_start_ = start;
  opened_.push_back({number, start, starts_discontinuity});
  for (auto& rendition : renditions_) {
    if (!rendition->window && rendition->is_active) begin_window(*rendition, now);
    if (rendition->awaited > 0 && number > rendition->awaited + kMostAwaited)
      give_up(*rendition, now);
    if (rendition->promised > 0 && number > rendition->promised_at + kMostAwaited)
      break_promises(*rendition);
    if (rendition->window) settle(*rendition, now);
  }
  trim(std::max(window_, kLeastTargets * promised()), now);
}

/// Nothing of the show before is listed any more, nor counts its bandwidth.
void ChannelWindows::begin_show(SegmentNumber first, TimePoint now) {
  while (!opened_.empty()) unlist_first(now);
  on_air_ = 0;
  for (auto& rendition : renditions_) {
    if (rendition->window) rendition->window->begin_at(first);
    rendition->bandwidth = Bandwidth(rendition->options.declared_bits_per_second,
                                     rendition->options.kind == MediaKind::kVideo);
  }
  all_changed();
}

Result<bool> ChannelWindows::push(Rendition& rendition, CmafChunk chunk, TimePoint now) {
  if (opened_.empty() || chunk.segment_number > opened_.back().number)
    return Error{ErrorCode::kInvalidData, "hls: a part of a segment that was not opened"};
  if (!rendition.window) begin_window(rendition, now);
  SegmentWindow& window = *rendition.window;
  if (chunk.segment_number < window.open_number()) return false;
  while (window.open_number() < chunk.segment_number) finish_segment(rendition, now);
  const OpenedSegment* const opened = find_opened(chunk.segment_number);
  CHECK(opened);
  rendition.is_resting = false;
  if (chunk.segment_number >= rendition.awaited) rendition.awaited = 0;
  const std::size_t bytes = chunk.bytes.size();
  const MediaTime duration = chunk.duration;
  const auto init_before = window.init();
  window.append(std::move(chunk), opened->starts_discontinuity);
  bytes_ += bytes;
  rendition.next_part = window.next_part();
  rendition.parts.increment();
  rendition.has_held_media |= is_holding_;
  update_bandwidth(rendition, false, bytes, duration);
  if (window.init() != init_before) {  // PART-HOLD-BACK may be another for all.
    ++multivariant_version_;
    all_changed();
  }
  changed(rendition);
  settle(rendition, now);
  return true;
}

void ChannelWindows::rest(Rendition& rendition, TimePoint now) {
  rendition.is_resting = true;
  give_up(rendition, now);
}

void ChannelWindows::await(Rendition& rendition, MediaTime depth, bool promises, TimePoint now) {
  if (rendition.awaited > 0) return;
  const MediaTime from = opened_.back().start - depth;
  std::size_t count = 0;
  for (auto opened = opened_.rbegin(); opened != opened_.rend(); ++opened, ++count) {
    // What it catches up with is of one source, and begins behind what was shown.
    const auto before = std::next(opened);
    if (opened->starts_discontinuity || before == opened_.rend() ||
        before->number <= rendition.shown || opened->start <= from)
      break;
  }
  SegmentWindow& window = *rendition.window;
  const bool is_open = window.has_open_parts();
  if (!is_open) window.reopen(count);
  rendition.promised = 0;
  while (!is_open && promises && !past_ && window.open_number() + 1 < opened_.back().number) {
    const OpenedSegment opened = *find_opened(window.open_number());
    if (rendition.promised == 0) rendition.promised = opened.number;
    rendition.promised_at = opened_.back().number;
    window.promise(opened.start, end_of(opened.number) - opened.start, opened.starts_discontinuity,
                   now);
  }
  rendition.awaited = opened_.back().number;
  changed(rendition);
}

bool ChannelWindows::keep_promise(Rendition& rendition, CmafChunk chunk) {
  const SegmentNumber number = chunk.segment_number;
  if (!rendition.window || !rendition.window->is_promised(number)) return false;
  SegmentWindow& window = *rendition.window;
  const auto segment = window.find_complete(number);
  const auto init = window.share_init(segment->line.map);
  if (!init || init->bytes != chunk.init->bytes) return false;
  auto& coming = rendition.coming;
  if (coming.number != number) coming = {.number = number};
  // Of one that lacks its beginning there is no more to show than of a gap.
  const MediaTime begin = coming.chunks.empty() ? segment->line.start : coming.end;
  if (chunk.start > begin + kRounding) return false;
  coming.end = chunk.start + chunk.duration;
  coming.chunks.push_back(std::move(chunk.bytes));
  const MediaTime duration = playlist::from_printed(segment->line.duration);
  if (coming.end + kRounding < segment->line.start + duration) return false;
  std::size_t bytes = 0;
  for (const Bytes& one : coming.chunks) bytes += one.size();
  window.keep_promise(number, std::move(coming.chunks));
  coming = {};
  bytes_ += bytes;
  rendition.segments.increment();
  update_bandwidth(rendition, true, bytes, duration);
  return true;
}

bool ChannelWindows::break_promises(Rendition& rendition) {
  rendition.promised = 0;
  rendition.coming = {};
  const std::size_t broken = rendition.window ? rendition.window->break_promises() : 0;
  if (broken == 0) return false;
  rendition.gaps.increment(static_cast<double>(broken));
  changed(rendition);
  return true;
}

void ChannelWindows::refuse(Rendition& rendition, bool is_refused, TimePoint now) {
  if (rendition.is_refused == is_refused) return;
  rendition.is_refused = is_refused;
  ++multivariant_version_;
  if (is_refused) give_up(rendition, now);
}

void ChannelWindows::give_up(Rendition& rendition, TimePoint now) {
  rendition.awaited = 0;
  break_promises(rendition);
  if (rendition.window) settle(rendition, now);
}

/// Completes what is known to be complete, and what will not be.
void ChannelWindows::settle(Rendition& rendition, TimePoint now) {
  while (is_over(rendition)) finish_segment(rendition, now);
}

bool ChannelWindows::is_over(const Rendition& rendition) const {
  const SegmentWindow& window = *rendition.window;
  const OpenedSegment* const next = find_opened(window.open_number() + 1);
  if (!next) return false;
  const bool is_full = window.has_open_parts() && window.open_end() + kRounding >= next->start;
  if (rendition.awaited > 0) return is_full;
  return is_full || rendition.is_resting || opened_.back().number > next->number;
}

void ChannelWindows::finish_segment(Rendition& rendition, TimePoint now) {
  SegmentWindow& window = *rendition.window;
  const OpenedSegment opened = *find_opened(window.open_number());
  const MediaTime end = end_of(opened.number);
  changed(rendition);
  if (!window.has_open_parts()) {
    // What nobody asks for is not missing.
    if (!rendition.options.init || !rendition.is_resting || rendition.is_refused)
      rendition.gaps.increment();
    return window.skip(opened.start, end - opened.start, opened.starts_discontinuity, now);
  }
  if (end - window.open_end() > kLargestHole) {
    rendition.gaps.increment();
    return window.complete_as_gap(end, now);
  }
  complete(rendition, now);
  const WindowSegment& segment = window.listed(window.listed_count() - 1);
  if (!std::exchange(rendition.has_held_media, false))
    update_bandwidth(rendition, true, segment.bytes, playlist::from_printed(segment.line.duration));
}

void ChannelWindows::complete(Rendition& rendition, TimePoint now) {
  SegmentWindow& window = *rendition.window;
  rendition.segments.increment();
  if (!past_) return window.complete(now);
  const auto place = std::make_shared<DvrPlace>();
  window.complete(now, place);
  const WindowSegment& segment = window.listed(window.listed_count() - 1);
  jobs_.push_back({.channel = channel_,
                   .rendition = rendition.options.name,
                   .start_id = *start_id_,
                   .kind = rendition.options.kind,
                   .segment = {.number = segment.line.number,
                               .start = segment.line.start,
                               .duration = segment.line.duration,
                               .map = segment.line.map,
                               .starts_discontinuity = segment.line.starts_discontinuity,
                               .is_independent = segment.line.parts.front().is_independent,
                               .has_captions = has_captions(),
                               .show = on_air_},
                   .init = window.share_init(segment.line.map),
                   .parts = segment.parts,
                   .place = place});
}

const ChannelWindows::OpenedSegment* ChannelWindows::find_opened(SegmentNumber number) const {
  if (opened_.empty() || number < opened_.front().number) return nullptr;
  const std::uint64_t index = number - opened_.front().number;
  return index < opened_.size() ? &opened_[index] : nullptr;
}

/// Where a segment ends that is not the newest. Before a discontinuity that is where its media
/// ends, in whichever rendition has most of it; where none has any, it is as long as it can be.
MediaTime ChannelWindows::end_of(SegmentNumber number) const {
  const OpenedSegment& opened = *find_opened(number);
  const OpenedSegment& next = *find_opened(number + 1);
  if (!next.starts_discontinuity) return next.start;
  MediaTime end = opened.start;
  for (const auto& rendition : renditions_) {
    if (!rendition->window) continue;
    const SegmentWindow& window = *rendition->window;
    if (window.open_number() == number && window.has_open_parts())
      end = std::max(end, window.open_end());
    if (window.open_number() > number && window.listed_count() >= window.open_number() - number) {
      const auto back = static_cast<std::size_t>(window.open_number() - number);
      const auto& line = window.listed(window.listed_count() - back).line;
      if (!line.parts.empty())
        end = std::max(end, line.start + playlist::from_printed(line.duration));
    }
  }
  if (end > opened.start) return end;
  return opened.start + std::clamp<MediaTime>(next.start - opened.start, kRounding,
                                              std::max<MediaTime>(promised(), 1s));
}

void ChannelWindows::end(TimePoint now) {
  // What is there of the last segment is all of it.
  for (auto& rendition : renditions_) {
    rendition->is_resting = true;
    rendition->awaited = 0;
    break_promises(*rendition);
    if (!rendition->window) continue;
    settle(*rendition, now);
    if (rendition->window->has_open_parts()) complete(*rendition, now);
    const MediaTime listed = playlist::from_printed(rendition->window->listed_duration());
    ended_until_ = std::max(ended_until_, now + listed + kLeastTargets * promised());
  }
  has_ended_ = true;
  complete_since_.reset();
  all_changed();
}

// --- What leaves ------------------------------------------------------------------------------

std::size_t ChannelWindows::trim(MediaTime least, TimePoint now) {
  std::size_t gone = 0;
  while (may_lose_first(least)) {
    unlist_first(now);
    ++gone;
  }
  if (gone > 0) all_changed();
  drop_unused(now);
  return gone;
}

bool ChannelWindows::may_lose_first(MediaTime least) const {
  if (target_seconds_ == 0 || opened_.empty()) return false;
  bool has_any = false;
  for (const auto& rendition : renditions_) {
    if (!rendition->window) continue;
    has_any = true;
    const SegmentWindow& window = *rendition->window;
    if (window.listed_count() <= kLeastSegments) return false;
    if (playlist::from_printed(window.listed_duration() - window.listed(0).line.duration) < least)
      return false;
  }
  return has_any;
}

void ChannelWindows::unlist_first(TimePoint now) {
  // 6.2.2: "The server MUST increment the value of the EXT-X-DISCONTINUITY-SEQUENCE tag by one for
  // every EXT-X-DISCONTINUITY tag that it removes".
  discontinuity_sequence_ += opened_.front().starts_discontinuity ? 1 : 0;
  if (past_) keep_first();
  for (auto& rendition : renditions_)
    if (rendition->window && rendition->window->listed_count() > 0)
      rendition->window->unlist_first(now, promised());
  opened_.pop_front();
}

/// The first segment goes on in playlists with ?dvr, if any rendition has listed it.
void ChannelWindows::keep_first() {
  if (on_air_ == 0) return past_->release(opened_.front().number);
  DvrSlot slot = slot_of(opened_.front());
  if (slot.duration > 0) past_->add(std::move(slot));
}

/// A show that has ended is one to be watched once all of it is on disk, or will not be: what the
/// windows still have as well.
void ChannelWindows::keep_ended() {
  if (!past_ || !has_ended_ || on_air_ == 0) return;
  std::vector<DvrSlot> slots;
  for (const OpenedSegment& opened : opened_) {
    slots.push_back(slot_of(opened));
    for (const DvrLine& line : slots.back().lines)
      if (line.place && line.place->state() == DvrPlace::State::kQueued) return;
  }
  for (DvrSlot& slot : slots)
    if (slot.duration > 0) past_->add_ahead(std::move(slot));
  on_air_ = 0;
}

/// Without duration where no rendition has listed it.
DvrSlot ChannelWindows::slot_of(const OpenedSegment& opened) {
  DvrSlot slot{.start_id = start_id_,
               .number = opened.number,
               .show = on_air_,
               .start = opened.start,
               .starts_discontinuity = opened.starts_discontinuity,
               .has_captions = has_captions(),
               .lines = {}};
  for (const auto& rendition : renditions_) {
    if (!rendition->window || rendition->window->listed_count() == 0) continue;
    const SegmentWindow& window = *rendition->window;
    const SegmentNumber first = window.listed(0).line.number;
    if (slot.number < first || slot.number - first >= window.listed_count()) continue;
    const WindowSegment& segment = window.listed(static_cast<std::size_t>(slot.number - first));
    slot.duration = std::max(slot.duration, segment.line.duration);
    const std::size_t index = past_->rendition(rendition->options.name, rendition->options.kind);
    slot.lines.resize(std::max(slot.lines.size(), index + 1));
    slot.lines[index] = {
        .start = segment.line.start,
        .duration = segment.line.duration,
        .map = segment.line.map,
        .is_independent = segment.line.parts.empty() || segment.line.parts.front().is_independent,
        .place = segment.place,
        .init = segment.place ? window.share_init(segment.line.map) : nullptr};
  }
  return slot;
}

std::optional<DvrShow> ChannelWindows::last_show() const {
  return past_ ? past_->last_show(*start_id_, on_air_) : std::nullopt;
}

std::optional<DvrListing> ChannelWindows::list_show(std::string_view rendition,
                                                    std::string_view of_start,
                                                    SegmentNumber first) {
  return past_ ? past_->list_show(rendition, of_start, first, *start_id_, on_air_) : std::nullopt;
}

std::size_t ChannelWindows::shrink(TimePoint now) {
  return trim(kLeastTargets * promised(), now);
}

bool ChannelWindows::tick(TimePoint now, std::chrono::nanoseconds wall_now) {
  drop_unused(now);
  keep_ended();
  // Where nothing is on air, time goes on all the same: so do the files.
  const bool is_live = !has_ended_ && !opened_.empty();
  const bool is_trimmed =
      past_ && past_->trim(is_live ? newest_start_ : std::max(newest_start_, wall_now));
  if (is_trimmed) all_changed();
  if (!has_ended_ || now < ended_until_) return is_trimmed;
  while (!opened_.empty()) unlist_first(now);
  on_air_ = 0;
  for (auto& rendition : renditions_) {
    if (!rendition->window) continue;
    bytes_ -= rendition->window->clear();
    rendition->window.reset();
  }
  return is_trimmed;
}

void ChannelWindows::drop_unused(TimePoint now) {
  for (auto& rendition : renditions_) {
    if (!rendition->window) continue;
    bytes_ -= rendition->window->let_go(now);
    // A rendition of an earlier publisher that lists nothing but gaps has nobody left.
    if (rendition->is_active || has_ended_ || rendition->window->has_media()) continue;
    bytes_ -= rendition->window->clear();
    rendition->window.reset();
    all_changed();
  }
}

// --- Playlists --------------------------------------------------------------------------------

bool ChannelWindows::is_servable(const Rendition& rendition) const {
  return rendition.window && rendition.window->init() && !rendition.window->is_empty();
}

bool ChannelWindows::is_offered(const Rendition& rendition) const {
  return is_listed(rendition) && rendition.is_active && !rendition.is_refused;
}

bool ChannelWindows::is_listed(const Rendition& rendition) const {
  return is_servable(rendition) || (rendition.window && rendition.options.init);
}

bool ChannelWindows::is_idle(const Rendition& rendition) const {
  if (rendition.awaited > 0) return !has_ended_;
  return rendition.options.init && rendition.is_resting && rendition.is_active &&
         !rendition.is_refused && rendition.window && !has_ended_ &&
         std::ranges::any_of(
             renditions_, [](const auto& other) { return other->is_active && !other->is_resting; });
}

const std::shared_ptr<const InitSegment>& ChannelWindows::init_of(
    const Rendition& rendition) const {
  return rendition.is_resting && rendition.options.init ? rendition.options.init
                                                        : rendition.window->init();
}

PlaylistEdge ChannelWindows::newest_edge() const {
  PlaylistEdge newest;
  for (const auto& rendition : renditions_) {
    if (!rendition->is_active || !is_servable(*rendition)) continue;
    const PlaylistEdge edge = rendition->window->edge();
    if (edge.newest_part >= newest.newest_part) newest = edge;
  }
  return newest;
}

bool ChannelWindows::is_ready(TimePoint now) const {
  if (target_seconds_ == 0) return false;
  const auto is_there = [this](const auto& rendition) { return is_servable(*rendition); };
  if (!std::ranges::any_of(renditions_, is_there)) return false;
  if (has_ended_ || !complete_since_) return has_ended_;
  return now - *complete_since_ >= kPatience ||
         std::ranges::all_of(renditions_, [&](const auto& rendition) {
           return !rendition->is_active || is_listed(*rendition);
         });
}

PlaylistHeader ChannelWindows::header(const Rendition& rendition,
                                      const std::string& start_id) const {
  PlaylistHeader header{.start_id = start_id,
                        .version = rendition.version,
                        .target_seconds = target_seconds_,
                        .discontinuity_sequence = discontinuity_sequence_,
                        .has_ended = has_ended_,
                        .reports = {}};
  for (const auto& other : renditions_) {
    if (!is_listed(*other)) continue;
    header.part_hold_back = std::max(
        header.part_hold_back, kHoldBackParts * playlist::to_printed(init_of(*other)->part_target));
    // An idle one will be where this one is.
    const Rendition& newest = is_idle(*other) ? rendition : *other;
    if (other.get() != &rendition && other->is_active && is_servable(newest))
      header.reports.push_back({other->options.name, newest.window->reported_part()});
  }
  // Design.md §2: where the window holds more than a delta update leaves out.
  if (window_ > static_cast<std::int64_t>(kSkipTargets) * promised())
    header.can_skip_until = kSkipTargets * target_seconds_;
  return header;
}

void ChannelWindows::changed(Rendition& rendition) {
  ++rendition.version;
}

void ChannelWindows::all_changed() {
  for (auto& rendition : renditions_) changed(*rendition);
}

void ChannelWindows::update_bandwidth(Rendition& rendition, bool is_segment, std::size_t bytes,
                                      MediaTime duration) {
  const auto before = std::pair(rendition.bandwidth.peak(), rendition.bandwidth.average());
  if (is_segment)
    rendition.bandwidth.add_segment(bytes, duration);
  else
    rendition.bandwidth.add_part(bytes, duration);
  if (before != std::pair(rendition.bandwidth.peak(), rendition.bandwidth.average()))
    ++multivariant_version_;
}

}  // namespace millrace::hls
