#include "hls/segment_window.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace millrace::hls {
namespace {

using playlist::PrintedTime;
using playlist::to_printed;

/// From `start` to `end` as printed: ends are rounded, not lengths, so that sums stay right
/// (PL-17).
PrintedTime printed_between(MediaTime start, MediaTime end) {
  return to_printed(end) - to_printed(start);
}

const Bytes* find_part_in(const WindowSegment& segment, std::uint64_t counter) {
  if (segment.line.parts.empty() || counter < segment.line.parts.front().counter) return nullptr;
  const std::uint64_t index = counter - segment.line.parts.front().counter;
  return index < segment.parts.size() ? &segment.parts[index] : nullptr;
}

}  // namespace

void SegmentWindow::begin_at(SegmentNumber number) {
  CHECK(is_empty());
  open_.line.number = number;
}

void SegmentWindow::announce(std::shared_ptr<const InitSegment> init) {
  if (init_) return;
  init_ = std::move(init);
  is_announced_ = true;
  map_ = open_.line.number;
  inits_[map_] = init_;
}

void SegmentWindow::append(CmafChunk chunk, bool starts_discontinuity) {
  if (!has_open_parts()) {
    // Whoever was promised the next part of the old timeline would decode this one by its header.
    // rfc8216bis 6.2.6 lets a server change its mind: what was hinted never comes to be.
    const bool is_as_announced =
        std::exchange(is_announced_, false) && chunk.init->bytes == init_->bytes;
    const bool is_new = chunk.init != init_ && !is_as_announced;
    if (starts_discontinuity || (init_ && is_new)) ++next_part_;
    if (is_new) map_ = open_.line.number;
    if (chunk.init != init_) inits_[map_] = init_ = chunk.init;
    open_.line.start = chunk.start;
    open_.line.map = map_;
    open_.line.starts_discontinuity = starts_discontinuity;
    has_independent_segments_ &= chunk.is_independent;
  }
  open_end_ = chunk.start + chunk.duration;
  open_.line.parts.push_back({.counter = next_part_++,
                              .duration = printed_between(chunk.start, open_end_),
                              .is_independent = chunk.is_independent});
  open_.line.duration += open_.line.parts.back().duration;
  open_.bytes += chunk.bytes.size();
  open_.parts.push_back(std::move(chunk.bytes));
}

void SegmentWindow::complete(TimePoint now, std::shared_ptr<const DvrPlace> place) {
  CHECK(has_open_parts());
  open_.place = std::move(place);
  close(now);
}

void SegmentWindow::complete_as_gap(MediaTime until, TimePoint now) {
  CHECK(has_open_parts());
  open_.line.is_gap = true;
  open_.line.duration = printed_between(open_.line.start, until);
  close(now);
}

void SegmentWindow::fill(MediaTime start, MediaTime duration, bool starts_discontinuity) {
  CHECK(!has_open_parts());
  open_.line.start = start;
  open_.line.duration = printed_between(start, start + duration);
  open_.line.map = map_;
  open_.line.starts_discontinuity = starts_discontinuity;
}

void SegmentWindow::skip(MediaTime start, MediaTime duration, bool starts_discontinuity,
                         TimePoint now) {
  fill(start, duration, starts_discontinuity);
  open_.line.is_gap = true;
  close(now);
}

void SegmentWindow::promise(MediaTime start, MediaTime duration, bool starts_discontinuity,
                            TimePoint now) {
  fill(start, duration, starts_discontinuity);
  open_.is_promised = true;
  ++promises_;
  close(now);
}

template <typename Visitor>
void SegmentWindow::each_promised(const Visitor& visit) {
  if (promises_ == 0) return;
  for (auto* const entries : {&listed_, &kept_})
    for (Entry& entry : *entries)
      if (entry.segment->is_promised) visit(entry.segment);
}

template <typename Change>
void SegmentWindow::replace(std::shared_ptr<const WindowSegment>& segment, const Change& change) {
  WindowSegment changed = *segment;
  changed.is_promised = false;
  change(changed);
  segment = std::make_shared<const WindowSegment>(std::move(changed));
  --promises_;
}

bool SegmentWindow::is_promised(SegmentNumber number) const {
  if (promises_ == 0) return false;
  const auto segment = find_complete(number);
  return segment && segment->is_promised;
}

void SegmentWindow::keep_promise(SegmentNumber number, std::vector<Bytes> chunks) {
  each_promised([&](std::shared_ptr<const WindowSegment>& segment) {
    if (segment->line.number != number) return;
    replace(segment, [&](WindowSegment& changed) {
      for (const Bytes& chunk : chunks) changed.bytes += chunk.size();
      changed.parts = std::move(chunks);
    });
  });
}

std::size_t SegmentWindow::break_promises() {
  const std::size_t broken = promises_;
  each_promised([&](std::shared_ptr<const WindowSegment>& segment) {
    replace(segment, [](WindowSegment& changed) { changed.line.is_gap = true; });
  });
  return broken;
}

void SegmentWindow::close(TimePoint now) {
  open_.line.is_complete = true;
  const SegmentNumber next = open_.line.number + 1;
  listed_duration_ += open_.line.duration;
  longest_playlist_ = std::max(longest_playlist_, listed_duration_);
  listed_.push_back({std::make_shared<const WindowSegment>(std::move(open_)), now});
  open_ = {};
  open_.line.number = next;
}

void SegmentWindow::reopen(std::size_t count) {
  CHECK(!has_open_parts());
  for (; count > 0 && !listed_.empty() && listed_.back().segment->parts.empty(); --count) {
    open_.line.number = listed_.back().segment->line.number;
    listed_duration_ -= listed_.back().segment->line.duration;
    promises_ -= listed_.back().segment->is_promised ? 1 : 0;
    listed_.pop_back();
  }
}

bool SegmentWindow::has_media() const {
  return has_open_parts() || std::any_of(listed_.begin(), listed_.end(), [](const Entry& entry) {
           return !entry.segment->parts.empty();
         });
}

PlaylistEdge SegmentWindow::edge() const {
  PlaylistEdge edge{.last_complete = open_.line.number - 1, .newest_part = {}};
  if (has_open_parts()) {
    edge.newest_part = {open_.line.number, open_.parts.size() - 1};
  } else {
    const std::size_t parts = listed_.empty() ? 0 : listed_.back().segment->parts.size();
    edge.newest_part = {edge.last_complete, parts > 0 ? parts - 1 : 0};
  }
  if (init_) edge.advance_parts = advance_part_limit(init_->part_target);
  return edge;
}

PlaylistPosition SegmentWindow::reported_part() const {
  const PlaylistPosition newest = edge().newest_part;
  if (newest.part > 0 || listed_.empty()) return newest;
  const WindowSegment& before = *listed_.back().segment;
  if (before.line.number + 1 != newest.segment || before.parts.empty()) return newest;
  return {before.line.number, before.parts.size() - 1};
}

void SegmentWindow::unlist_first(TimePoint now, std::chrono::nanoseconds target_duration) {
  Entry entry = std::move(listed_.front());
  listed_.pop_front();
  const PrintedTime duration = entry.segment->line.duration;
  const TimePoint segment_until = entry.at + playlist::from_printed(duration + longest_playlist_);
  listed_duration_ -= duration;
  // Its parts were listed until it was three targets from the end: perhaps long ago.
  const MediaTime distance = playlist::from_printed(listed_duration_ + open_.line.duration);
  const MediaTime since_parts = std::max(distance - 3 * target_duration, MediaTime::zero());
  entry.at = std::max(segment_until, now - since_parts + 3 * target_duration);
  kept_.push_back(std::move(entry));
}

std::size_t SegmentWindow::let_go(TimePoint now) {
  std::size_t freed = 0;
  for (; !kept_.empty() && kept_.front().at <= now; kept_.pop_front()) {
    freed += kept_.front().segment->bytes;
    promises_ -= kept_.front().segment->is_promised ? 1 : 0;
  }
  if (freed > 0) forget_inits();
  return freed;
}

std::size_t SegmentWindow::clear() {
  std::size_t freed = open_.bytes;
  for (const auto* const entries : {&kept_, &listed_})
    for (const Entry& entry : *entries) freed += entry.segment->bytes;
  kept_.clear();
  listed_.clear();
  promises_ = 0;
  const SegmentNumber number = open_.line.number;
  open_ = {};
  open_.line.number = number;
  listed_duration_ = 0;
  init_ = nullptr;
  is_announced_ = false;
  inits_.clear();
  return freed;
}

void SegmentWindow::forget_inits() {
  const auto& oldest = !kept_.empty() ? kept_ : listed_;
  const SegmentNumber in_use = oldest.empty() ? map_ : oldest.front().segment->line.map;
  while (!inits_.empty() && inits_.begin()->first < in_use && inits_.begin()->first != map_)
    inits_.erase(inits_.begin());
}

Bytes SegmentWindow::find_part(std::uint64_t counter) const {
  if (const Bytes* const part = find_part_in(open_, counter)) return *part;
  for (const auto* const entries : {&listed_, &kept_})
    for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry)
      if (const Bytes* const part = find_part_in(*entry->segment, counter)) return *part;
  return {};
}

std::vector<Bytes> SegmentWindow::find_segment(SegmentNumber number) const {
  const auto segment = find_complete(number);
  return segment && !segment->line.is_gap ? segment->parts : std::vector<Bytes>();
}

std::shared_ptr<const WindowSegment> SegmentWindow::find_complete(SegmentNumber number) const {
  for (const auto* const entries : {&listed_, &kept_})
    for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry)
      if (entry->segment->line.number == number) return entry->segment;
  return nullptr;
}

Bytes SegmentWindow::find_init(SegmentNumber number) const {
  const auto init = share_init(number);
  return init ? init->bytes : Bytes();
}

std::shared_ptr<const InitSegment> SegmentWindow::share_init(SegmentNumber number) const {
  const auto found = inits_.find(number);
  return found == inits_.end() ? nullptr : found->second;
}

}  // namespace millrace::hls
