#include "ingest/timeline/rung_line.h"

#include <chrono>

namespace millrace::ingest {
namespace {

// Past it the oldest becomes a gap of the rung's.
constexpr std::size_t kMaxBoundaries = 16;

}  // namespace

void RungLine::begin_anew(VideoClock clock) {
  flush();
  clock_ = std::move(clock);
  follows_hole_ = true;
}

void RungLine::place(EncodedPacket packet) {
  packet.follows_gap = std::exchange(follows_hole_, false);
  if (auto placed = clock_.place(std::move(packet))) add(std::move(*placed));
}

void RungLine::flush() {
  if (auto held = clock_.flush()) add(std::move(*held));
}

void RungLine::add(EncodedPacket packet) {
  if (waiting_.size() >= kMaxWaiting || waiting_bytes_ + packet.payload.size() > kMaxWaitingBytes)
    drop_waiting();
  waiting_bytes_ += packet.payload.size();
  waiting_.push_back(std::move(packet));
}

void RungLine::drop_waiting() {
  losses_.pictures += static_cast<int>(waiting_.size());
  waiting_.clear();
  waiting_bytes_ = 0;
  is_dropping_ = true;
}

void RungLine::expect(const SegmentStart& segment, bool with_key_frame) {
  if (boundaries_.size() == kMaxBoundaries) boundaries_.pop_front();
  boundaries_.push_back({segment, with_key_frame});
}

std::optional<EncodedPacket> RungLine::take(MediaTime decided) {
  while (!waiting_.empty()) {
    const EncodedPacket& next = waiting_.front();
    if (!composition_delay_ && next.is_key_frame) composition_delay_ = next.pts - next.dts;
    const MediaTime shown = next.dts + composition_delay_.value_or(MediaTime{});
    if (shown > decided) return std::nullopt;
    EncodedPacket packet = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= packet.payload.size();
    if (mark(packet, shown)) return packet;
    ++losses_.pictures;
  }
  return std::nullopt;
}

/// False: the picture is to be dropped.
bool RungLine::mark(EncodedPacket& packet, MediaTime shown) {
  const MediaTime half = packet.duration / 2;
  while (!boundaries_.empty() && shown >= boundaries_.front().segment.start - half) {
    const Boundary boundary = boundaries_.front();
    boundaries_.pop_front();
    const bool is_there = std::chrono::abs(shown - boundary.segment.start) <= half;
    is_dropping_ = !is_there || (boundary.with_key_frame && !packet.is_key_frame);
    losses_.segments += is_dropping_ ? 1 : 0;
    if (is_dropping_) continue;
    packet.opens_segment = boundary.segment.number;
    packet.starts_discontinuity = boundary.segment.starts_discontinuity;
  }
  // Players do not decode over a hole inside a segment.
  if (packet.follows_gap && !packet.opens_segment) is_dropping_ = true;
  return !is_dropping_;
}

}  // namespace millrace::ingest
