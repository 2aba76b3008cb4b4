#include "hls/dvr/dvr_past.h"

#include <algorithm>
#include <map>

namespace millrace::hls {
namespace {

// Numbers of one start that no rendition has on disk are listed as gaps, up to so many: behind more
// the timeline begins anew.
constexpr SegmentNumber kLargestHole = 1000;

const DvrLine* line_of(const DvrSlot& slot, std::size_t rendition) {
  return rendition < slot.lines.size() ? &slot.lines[rendition] : nullptr;
}

playlist::Map map_of(const std::shared_ptr<const DvrSlot>& slot, std::size_t rendition) {
  if (!slot) return {};
  return {*slot->start_id, slot->lines[rendition].map};
}

bool has_map(const DvrSlot& slot, std::size_t rendition) {
  const DvrLine* const line = line_of(slot, rendition);
  return line && line->map != 0;
}

bool is_lost(const DvrLine& line) {
  return line.place && line.place->state() == DvrPlace::State::kLost;
}

bool has_lost(const DvrSlot& slot) {
  return std::ranges::any_of(slot.lines, is_lost);
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
  });
  return piece_;
}

playlist::Map DvrBlock::unsaid_map() const {
  const playlist::Map before = map_of(mapped_before_, rendition_);
  for (const auto& slot : slots_) {
    if (!has_map(*slot, rendition_)) continue;
    const bool says_it =
        slot->starts_discontinuity || map_of(slot, rendition_) != before || before.number == 0;
    return says_it ? playlist::Map{} : before;
  }
  return {};
}

playlist::Map DvrBlock::map_behind() const {
  return map_of(mapped_behind_, rendition_);
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
    for (std::size_t i = 0; i < one.places.size(); ++i) {
      const DvrSegmentRecord& record = one.index.segments[i];
      if (start.slots.empty() || record.start < start.begin) start.begin = record.start;
      DvrSlot& slot = start.slots[record.number];
      if (!slot.start_id) {
        slot.start_id = start.id;
        slot.number = record.number;
        slot.start = record.start;
        slot.duration = record.duration;
      }
      slot.starts_discontinuity |= record.starts_discontinuity;
      slot.lines.resize(std::max(slot.lines.size(), its_rendition + 1));
      slot.lines[its_rendition] = {.start = record.start,
                                   .duration = record.duration,
                                   .map = record.map,
                                   .is_independent = record.is_independent,
                                   .place = one.places[i]};
      if (is_lost(slot.lines[its_rendition])) slot.lines[its_rendition].place = nullptr;
    }
  }
  std::vector<Start*> in_order;
  for (auto& [id, start] : starts)
    if (!start.slots.empty()) in_order.push_back(&start);
  std::ranges::sort(in_order, {}, &Start::begin);
  for (Start* const start : in_order) {
    start->slots.begin()->second.starts_discontinuity = true;
    for (auto& [number, slot] : start->slots) {
      if (!eras_.empty() && eras_.back().start_id == slot.start_id) fill_hole(slot);
      push(std::move(slot));
    }
  }
}

void DvrPast::fill_hole(const DvrSlot& next) {
  const DvrSlot before = *slots_.back();
  const SegmentNumber missing = next.number - before.number - 1;
  if (missing == 0 || missing > kLargestHole) return;
  const MediaTime hole = next.start - before.end();
  const auto each = std::clamp<playlist::PrintedTime>(
      playlist::to_printed(hole / static_cast<std::int64_t>(missing)), 1, longest_);
  MediaTime at = before.end();
  for (SegmentNumber number = before.number + 1; number < next.number; ++number) {
    push({.start_id = before.start_id,
          .number = number,
          .start = at,
          .duration = each,
          .starts_discontinuity = false,
          .lines = {}});
    at += playlist::from_printed(each);
  }
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
  push(std::move(slot));
}

void DvrPast::push(DvrSlot slot) {
  longest_ = std::max(longest_, slot.duration);
  for (const DvrLine& line : slot.lines) {
    if (!line.place) continue;
    longest_ = std::max(longest_, line.duration);
    has_independent_segments_ &= line.is_independent;
  }
  if (eras_.empty() || *eras_.back().start_id != *slot.start_id) eras_.push_back({slot.start_id});
  ++eras_.back().slots;
  discontinuities_ += slot.starts_discontinuity ? 1 : 0;
  slots_.push_back(std::make_shared<const DvrSlot>(std::move(slot)));
}

// --- What goes --------------------------------------------------------------------------------

bool DvrPast::trim(MediaTime newest) {
  bool is_changed = false;
  while (listed_count() > 0) {
    const std::size_t count = std::min(kBlock, listed_count());
    const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(unlisted_);
    const auto end = first + static_cast<std::ptrdiff_t>(count);
    const bool is_old = (*std::prev(end))->end() + window_ <= newest;
    if (!is_old && std::none_of(first, end, [](const auto& slot) { return has_lost(*slot); }))
      break;
    unlisted_ += count;
    discontinuities_ -= static_cast<std::uint64_t>(
        std::count_if(first, end, [](const auto& slot) { return slot->starts_discontinuity; }));
    is_changed = true;
    for (Rendition& rendition : renditions_)
      if (!rendition.blocks.empty()) rendition.blocks.pop_front();
  }
  while (unlisted_ > 0 && is_gone(*slots_.front())) {
    slots_.pop_front();
    --unlisted_;
    if (--eras_.front().slots == 0) eras_.pop_front();
  }
  return is_changed;
}

// --- What is asked for ------------------------------------------------------------------------

DvrListing DvrPast::list(std::size_t rendition) {
  Rendition& its_rendition = renditions_[rendition];
  DvrListing listing;
  listing.rendition = rendition;
  listing.count = listed_count();
  listing.discontinuities = discontinuities_;
  listing.has_independent_segments = has_independent_segments_;
  listing.least_target_seconds = static_cast<std::uint64_t>(
      (longest_ + playlist::kStepsPerSecond / 2) / playlist::kStepsPerSecond);
  // A block's worth always stays loose: a delta update begins there or later.
  const std::size_t blocks = std::max<std::size_t>(listed_count() / kBlock, 1) - 1;
  const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(unlisted_);
  while (its_rendition.blocks.size() < blocks) {
    const auto begin = first + static_cast<std::ptrdiff_t>(its_rendition.blocks.size() * kBlock);
    its_rendition.blocks.push_back(std::make_shared<const DvrBlock>(
        std::vector(begin, begin + static_cast<std::ptrdiff_t>(kBlock)), rendition,
        its_rendition.last_mapped));
  }
  listing.blocks.assign(its_rendition.blocks.begin(), its_rendition.blocks.end());
  listing.in_blocks = blocks * kBlock;
  listing.loose.assign(first + static_cast<std::ptrdiff_t>(listing.in_blocks), slots_.end());
  return listing;
}

std::optional<std::size_t> DvrPast::find_rendition(std::string_view name) const {
  const auto found = std::ranges::find(renditions_, name, &Rendition::name);
  if (found == renditions_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - renditions_.begin());
}

std::pair<DvrPast::Slots::const_iterator, DvrPast::Slots::const_iterator> DvrPast::find_from(
    std::string_view start_id, SegmentNumber number) const {
  auto begin = slots_.begin();
  for (const Era& era : eras_) {
    const auto end = begin + static_cast<std::ptrdiff_t>(era.slots);
    if (*era.start_id == start_id) {
      const auto by_number = [](const auto& slot, SegmentNumber wanted) {
        return slot->number < wanted;
      };
      return {std::lower_bound(begin, end, number, by_number), end};
    }
    begin = end;
  }
  return {slots_.end(), slots_.end()};
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
