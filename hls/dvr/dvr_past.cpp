#include "hls/dvr/dvr_past.h"

#include <algorithm>
#include <map>

namespace millrace::hls {
namespace {

// Numbers of one start that no rendition has on disk are listed as gaps, up to so many: behind more
// the timeline begins anew.
constexpr SegmentNumber kLargestHole = 1000;
// An event loop makes so many blocks by itself: some 0.6 ms (bench/micro/dvr_playlist_bench.cpp).
constexpr std::size_t kFewBlocks = 16;
// A rendition that has less of a show than this part of what others of its kind have is left out.
constexpr std::size_t kNearlyAll = 90;

const DvrLine* line_of(const DvrSlot& slot, std::size_t rendition) {
  return rendition < slot.lines.size() ? &slot.lines[rendition] : nullptr;
}

std::int64_t bits_per_second(std::uint64_t bytes, playlist::PrintedTime duration) {
  return duration > 0 ? scale_rounded(static_cast<std::int64_t>(bytes),
                                      8 * playlist::kStepsPerSecond, duration)
                      : 0;
}

/// 4.4.3.1: durations are no more, "when rounded to the nearest integer".
std::uint64_t target_seconds_of(playlist::PrintedTime longest) {
  return static_cast<std::uint64_t>((longest + playlist::kStepsPerSecond / 2) /
                                    playlist::kStepsPerSecond);
}

playlist::Map map_of(const std::shared_ptr<const DvrSlot>& slot, std::size_t rendition) {
  if (!slot) return {};
  return {*slot->start_id, slot->lines[rendition].map};
}

/// Whether the playlist names an init segment for it: gaps keep the one they would have had.
bool has_map(const DvrSlot& slot, std::size_t rendition) {
  const DvrLine* const line = line_of(slot, rendition);
  return line && line->place && line->map != 0;
}

bool is_lost(const DvrLine& line) {
  return line.place && line.place->state() == DvrPlace::State::kLost;
}

bool has_lost(const DvrSlot& slot) {
  return std::ranges::any_of(slot.lines, is_lost);
}

bool has_place(const DvrSlot& slot) {
  return std::ranges::any_of(slot.lines, [](const DvrLine& line) { return line.place != nullptr; });
}

/// Nothing of it is on disk.
bool is_gone(const DvrSlot& slot) {
  return std::ranges::all_of(slot.lines,
                             [](const DvrLine& line) { return !line.place || is_lost(line); });
}

std::shared_ptr<const DvrSlot> last_mapped_of(
    const std::vector<std::shared_ptr<const DvrSlot>>& slots, std::size_t rendition,
    const std::shared_ptr<const DvrSlot>& before) {
  const auto found = std::find_if(slots.rbegin(), slots.rend(),
                                  [&](const auto& slot) { return has_map(*slot, rendition); });
  return found == slots.rend() ? before : *found;
}

}  // namespace

playlist::Segment DvrSlot::segment(std::size_t rendition) const {
  const DvrLine* const line = line_of(*this, rendition);
  const bool has_media = line && line->place;
  return {.number = number,
          .start = has_media ? line->start : start,
          .duration = has_media ? line->duration : duration,
          .map = has_media ? line->map : 0,
          .starts_discontinuity = starts_discontinuity,
          .is_gap = !has_media,
          .is_complete = true,
          .lists_parts = false,
          .parts = {},
          .start_id = *start_id};
}

// --- Blocks -----------------------------------------------------------------------------------

DvrBlock::DvrBlock(std::vector<std::shared_ptr<const DvrSlot>> slots, std::size_t rendition,
                   std::shared_ptr<const DvrSlot>& last_mapped)
    : slots_(std::move(slots)),
      rendition_(rendition),
      mapped_before_(last_mapped),
      mapped_behind_(last_mapped_of(slots_, rendition, last_mapped)) {
  last_mapped = mapped_behind_;
}

const std::shared_ptr<const PlaylistPiece>& DvrBlock::piece() const {
  std::call_once(once_, [this] {
    std::vector<playlist::Segment> segments;
    segments.reserve(slots_.size());
    for (const auto& slot : slots_) segments.push_back(slot->segment(rendition_));
    playlist::Map map = map_of(mapped_before_, rendition_);
    piece_ = std::make_shared<const PlaylistPiece>(playlist::render_segments({}, segments, map));
    is_rendered_.store(true, std::memory_order_release);
  });
  return piece_;
}

playlist::Map DvrBlock::unsaid_map() const {
  const auto first =
      std::ranges::find_if(slots_, [&](const auto& slot) { return has_map(*slot, rendition_); });
  if (first == slots_.end()) return {};
  const playlist::Map before = map_of(mapped_before_, rendition_);
  const bool says_it = (*first)->starts_discontinuity || map_of(*first, rendition_) != before;
  return says_it ? playlist::Map{} : before;
}

playlist::Map DvrBlock::map_behind() const {
  return map_of(mapped_behind_, rendition_);
}

bool DvrListing::is_made(bool is_compressed) const {
  std::size_t missing = 0;
  for (const auto& block : blocks)
    if (!block->is_made(is_compressed) && ++missing > kFewBlocks) return false;
  return true;
}

// --- What comes -------------------------------------------------------------------------------

void DvrPast::load(const std::vector<DvrFound>& found) {
  struct Start {
    std::shared_ptr<const std::string> id;
    MediaTime begin{};
    std::map<SegmentNumber, DvrSlot> slots;
  };
  std::map<std::string, Start> starts;
  for (const DvrFound& one : found) {
    const std::size_t its_rendition = rendition(one.rendition, one.index.kind);
    Start& start = starts[one.index.start_id];
    if (!start.id) start.id = std::make_shared<const std::string>(one.index.start_id);
    std::map<SegmentNumber, std::shared_ptr<const InitSegment>> inits;
    for (const DvrInitRecord& init : one.index.inits)
      inits[init.map] = std::make_shared<const InitSegment>(
          InitSegment{.bytes = {},
                      .codecs = init.codecs,
                      .track = std::make_shared<const TrackInfo>(init.track)});
    for (std::size_t i = 0; i < one.places.size(); ++i) {
      const DvrSegmentRecord& record = one.index.segments[i];
      if (start.slots.empty() || record.start < start.begin) start.begin = record.start;
      DvrSlot& slot = start.slots[record.number];
      if (!slot.start_id) {
        slot.start_id = start.id;
        slot.number = record.number;
        slot.show = record.show;
        slot.start = record.start;
      }
      // As add() has it.
      slot.start = std::min(slot.start, record.start);
      slot.duration = std::max(slot.duration, record.duration);
      slot.starts_discontinuity |= record.starts_discontinuity;
      slot.has_captions |= record.has_captions;
      slot.lines.resize(std::max(slot.lines.size(), its_rendition + 1));
      slot.lines[its_rendition] = {.start = record.start,
                                   .duration = record.duration,
                                   .map = record.map,
                                   .is_independent = record.is_independent,
                                   .place = one.places[i],
                                   .init = inits[record.map]};
      if (is_lost(slot.lines[its_rendition])) slot.lines[its_rendition].place = nullptr;
    }
  }
  std::vector<Start*> in_order;
  for (auto& [id, start] : starts)
    if (!start.slots.empty()) in_order.push_back(&start);
  std::ranges::sort(in_order, {}, &Start::begin);
  for (Start* const start : in_order) load_start(std::move(start->slots));
}

void DvrPast::load_start(std::map<SegmentNumber, DvrSlot>&& slots) {
  for (auto& [number, slot] : slots) {
    const bool goes_on = !shows_.empty() && shows_.back().is(*slot.start_id, slot.show);
    if (!shows_.empty() && (!goes_on || !fill_hole(slot))) slot.starts_discontinuity = true;
    push(std::move(slot));
  }
}

bool DvrPast::fill_hole(const DvrSlot& next) {
  const DvrSlot before = *slots_.back();
  const SegmentNumber missing = next.number - before.number - 1;
  if (missing == 0) return true;
  if (missing > kLargestHole) return false;
  const MediaTime hole = next.start - before.end();
  const auto each = std::clamp<playlist::PrintedTime>(
      playlist::to_printed(hole / static_cast<std::int64_t>(missing)), 1, longest_);
  MediaTime at = before.end();
  for (SegmentNumber number = before.number + 1; number < next.number; ++number) {
    push({.start_id = before.start_id,
          .number = number,
          .show = before.show,
          .start = at,
          .duration = each,
          .starts_discontinuity = false,
          .lines = {}});
    at += playlist::from_printed(each);
  }
  return true;
}

std::size_t DvrPast::rendition(std::string_view name, MediaKind kind) {
  if (const auto found = find_rendition(name)) {
    renditions_[*found].kind = kind;
    return *found;
  }
  renditions_.push_back(
      {.name = std::string(name), .kind = kind, .blocks = {}, .last_mapped = nullptr});
  return renditions_.size() - 1;
}

void DvrPast::add(DvrSlot slot) {
  // What the disk does not have by now is a gap, whatever becomes of it: playlists do not change.
  for (DvrLine& line : slot.lines)
    if (line.place && line.place->state() != DvrPlace::State::kStored) line.place = nullptr;
  // A gap is where the others' media is, which is what another start of the server will know of it.
  if (has_place(slot)) {
    slot.start = MediaTime::max();
    slot.duration = 0;
  }
  for (const DvrLine& line : slot.lines) {
    if (!line.place) continue;
    slot.start = std::min(slot.start, line.start);
    slot.duration = std::max(slot.duration, line.duration);
  }
  push(std::move(slot));
}

void DvrPast::add_ahead(DvrSlot slot) {
  add(std::move(slot));
  ++ahead_;
  discontinuities_ -= slots_.back()->starts_discontinuity ? 1 : 0;
}

void DvrPast::release(SegmentNumber number) {
  if (ahead_ == 0 || slots_[slots_.size() - ahead_]->number != number) return;
  discontinuities_ += slots_[slots_.size() - ahead_]->starts_discontinuity ? 1 : 0;
  --ahead_;
}

void DvrPast::push(DvrSlot slot) {
  longest_ = std::max(longest_, slot.duration);
  for (const DvrLine& line : slot.lines) {
    if (!line.place) continue;
    longest_ = std::max(longest_, line.duration);
    has_independent_segments_ &= line.is_independent;
  }
  if (shows_.empty() || !shows_.back().is(*slot.start_id, slot.show))
    shows_.push_back({.start_id = slot.start_id, .number = slot.show, .renditions = {}});
  count_in(shows_.back(), slot);
  discontinuities_ += slot.starts_discontinuity ? 1 : 0;
  slots_.push_back(std::make_shared<const DvrSlot>(std::move(slot)));
}

void DvrPast::count_in(Show& show, const DvrSlot& slot) {
  ++show.slots;
  show.longest = std::max(show.longest, slot.duration);
  show.has_captions |= slot.has_captions;
  show.renditions.resize(std::max(show.renditions.size(), slot.lines.size()));
  for (std::size_t i = 0; i < slot.lines.size(); ++i) {
    const DvrLine& line = slot.lines[i];
    if (!line.place || is_lost(line)) continue;
    show.longest = std::max(show.longest, line.duration);
    show.has_independent_segments &= line.is_independent;
    Tally& tally = show.renditions[i];
    const std::uint64_t bytes = line.place->segment().size;
    ++tally.segments;
    tally.bytes += bytes;
    tally.duration += line.duration;
    // 4.4.6.2: of sets of segments that last half a target duration or more; the last of a show may
    // be a key frame and nothing else.
    if (2 * line.duration >= show.longest)
      tally.peak = std::max(tally.peak, bits_per_second(bytes, line.duration));
    if (!line.init || line.init == tally.init) continue;
    tally.init = line.init;
    if (std::ranges::find(tally.codecs, line.init->codecs) == tally.codecs.end())
      tally.codecs.push_back(line.init->codecs);
  }
}

// --- What goes --------------------------------------------------------------------------------

bool DvrPast::trim(MediaTime newest) {
  bool is_changed = false;
  while (listed_count() > 0) {
    const std::size_t count = std::min(kBlock, listed_count());
    const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(unlisted_);
    const auto end = first + static_cast<std::ptrdiff_t>(count);
    const bool is_old = (*std::prev(end))->end() + window_ <= newest;
    // Gaps have nothing to lose, and what has gone behind them must not stay for them.
    const bool has_nothing =
        count == kBlock && std::all_of(first, end, [](const auto& slot) { return is_gone(*slot); });
    if (!is_old && !has_nothing &&
        std::none_of(first, end, [](const auto& slot) { return has_lost(*slot); }))
      break;
    unlisted_ += count;
    discontinuities_ -= static_cast<std::uint64_t>(
        std::count_if(first, end, [](const auto& slot) { return slot->starts_discontinuity; }));
    is_changed = true;
  }
  // As blocks, which begin with the first slot.
  while (unlisted_ >= kBlock && std::all_of(slots_.begin(), slots_.begin() + kBlock,
                                            [](const auto& slot) { return is_gone(*slot); })) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      slots_.pop_front();
      if (--shows_.front().slots == 0) shows_.pop_front();
    }
    unlisted_ -= kBlock;
    is_changed = true;
    for (Rendition& rendition : renditions_)
      if (!rendition.blocks.empty()) rendition.blocks.pop_front();
  }
  return is_changed;
}

// --- What is asked for ------------------------------------------------------------------------

DvrListing DvrPast::list(std::size_t rendition) {
  const std::size_t end = unlisted_ + listed_count();
  // A block's worth always stays loose: a delta update begins there or later.
  DvrListing listing = list(rendition, unlisted_, end, std::max<std::size_t>(end / kBlock, 1) - 1);
  listing.discontinuities = discontinuities_;
  listing.has_independent_segments = has_independent_segments_;
  listing.least_target_seconds = target_seconds_of(longest_);
  return listing;
}

DvrListing DvrPast::list(std::size_t rendition, std::size_t first, std::size_t last,
                         std::size_t last_block) {
  const auto at = [&](std::size_t place) {
    return slots_.begin() + static_cast<std::ptrdiff_t>(place);
  };
  Rendition& its_rendition = renditions_[rendition];
  while (its_rendition.blocks.size() < last_block) {
    const std::size_t begin = its_rendition.blocks.size() * kBlock;
    its_rendition.blocks.push_back(std::make_shared<const DvrBlock>(
        std::vector(at(begin), at(begin + kBlock)), rendition, its_rendition.last_mapped));
  }
  DvrListing listing;
  listing.rendition = rendition;
  listing.count = last - first;
  if (first < last) listing.first = slots_[first]->number;
  const std::size_t first_block = (first + kBlock - 1) / kBlock;
  if (first_block < last_block) {
    const auto begin = its_rendition.blocks.begin();
    listing.front.assign(at(first), at(first_block * kBlock));
    listing.blocks.assign(begin + static_cast<std::ptrdiff_t>(first_block),
                          begin + static_cast<std::ptrdiff_t>(last_block));
    first = last_block * kBlock;
  }
  listing.loose.assign(at(first), at(last));
  return listing;
}

std::optional<DvrShow> DvrPast::last_show(std::string_view start_id, SegmentNumber on_air) const {
  std::size_t end = slots_.size();
  for (auto show = shows_.rbegin(); show != shows_.rend(); end -= show->slots, ++show) {
    if (end <= unlisted_) break;
    if (show->is(start_id, on_air)) continue;
    const std::size_t begin = std::max(end - show->slots, unlisted_);
    DvrShow told{.start_id = *show->start_id,
                 .first = slots_[begin]->number,
                 .has_captions = show->has_captions,
                 .renditions = {}};
    for (std::size_t i = 0; i < show->renditions.size(); ++i) {
      const Tally& tally = show->renditions[i];
      std::size_t most = 0;
      for (std::size_t other = 0; other < show->renditions.size(); ++other)
        if (renditions_[other].kind == renditions_[i].kind)
          most = std::max(most, show->renditions[other].segments);
      if (!tally.init || tally.codecs.front().empty() || tally.segments * 100 < most * kNearlyAll)
        continue;
      const auto average = bits_per_second(tally.bytes, tally.duration);
      told.renditions.push_back({.name = renditions_[i].name,
                                 .codecs = tally.codecs,
                                 .peak = std::max(tally.peak, average),
                                 .average = average,
                                 .init = tally.init});
    }
    if (!told.renditions.empty()) return told;
  }
  return std::nullopt;
}

std::optional<DvrListing> DvrPast::list_show(std::string_view rendition, std::string_view of_start,
                                             SegmentNumber first, std::string_view start_id,
                                             SegmentNumber on_air) {
  const auto index = find_rendition(rendition);
  std::size_t end = 0;
  for (const Show& show : shows_) {
    const std::size_t begin = end;
    end += show.slots;
    if (!index || *show.start_id != of_start || slots_[end - 1]->number < first) continue;
    const auto found = find_from(of_start, first).first;
    const auto place = static_cast<std::size_t>(found - slots_.begin());
    if (place < begin || (*found)->number != first || show.is(start_id, on_air)) break;
    // What goes goes from where its media begins.
    const auto its_end = found + static_cast<std::ptrdiff_t>(end - place);
    const auto media =
        std::find_if(found, its_end, [](const auto& slot) { return has_place(*slot); });
    const auto looked_at = std::min(its_end - media, static_cast<std::ptrdiff_t>(kBlock));
    if (std::any_of(media, media + looked_at, [](const auto& slot) { return has_lost(*slot); }))
      break;
    DvrListing listing = list(*index, place, end, (end - 1) / kBlock);
    listing.has_independent_segments = show.has_independent_segments;
    listing.least_target_seconds = target_seconds_of(show.longest);
    return listing;
  }
  return std::nullopt;
}

std::optional<std::size_t> DvrPast::find_rendition(std::string_view name) const {
  const auto found = std::ranges::find(renditions_, name, &Rendition::name);
  if (found == renditions_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - renditions_.begin());
}

DvrPast::Range DvrPast::find_from(std::string_view start_id, SegmentNumber number) const {
  // Shows of one start follow each other, and their numbers rise.
  auto begin = slots_.end(), end = slots_.begin();
  for (const Show& show : shows_) {
    const bool is_its = *show.start_id == start_id;
    if (!is_its && begin != slots_.end()) break;
    if (is_its && begin == slots_.end()) begin = end;
    end += static_cast<std::ptrdiff_t>(show.slots);
  }
  if (begin == slots_.end()) return {begin, begin};
  const auto by_number = [](const auto& slot, SegmentNumber wanted) {
    return slot->number < wanted;
  };
  return {std::lower_bound(begin, end, number, by_number), end};
}

std::optional<DvrPast::Media> DvrPast::find_segment(std::string_view rendition,
                                                    std::string_view start_id,
                                                    SegmentNumber number) const {
  const auto index = find_rendition(rendition);
  const auto [slot, end] = find_from(start_id, number);
  if (!index || slot == end || (*slot)->number != number) return std::nullopt;
  const DvrLine* const line = line_of(**slot, *index);
  if (!line || !line->place || is_lost(*line)) return std::nullopt;
  return Media{.place = line->place, .kind = renditions_[*index].kind};
}

std::optional<DvrPast::Media> DvrPast::find_init(std::string_view rendition,
                                                 std::string_view start_id,
                                                 SegmentNumber map) const {
  const auto index = find_rendition(rendition);
  if (!index) return std::nullopt;
  // It holds from the segment of that number on: any that has it will do.
  for (auto [slot, end] = find_from(start_id, map); slot != end; ++slot) {
    const DvrLine* const line = line_of(**slot, *index);
    if (!line || !line->place || is_lost(*line)) continue;
    if (line->map == map) return Media{.place = line->place, .kind = renditions_[*index].kind};
    if (line->map > map) break;
  }
  return std::nullopt;
}

}  // namespace millrace::hls
