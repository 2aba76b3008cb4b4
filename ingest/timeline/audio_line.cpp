#include "ingest/timeline/audio_line.h"

#include <iterator>
#include <utility>

namespace millrace::ingest {
namespace {

// Past it the oldest becomes a gap of the track's.
constexpr std::size_t kMaxBoundaries = 16;

}  // namespace

AudioLine::Repairs AudioLine::place(EncodedPacket packet) {
  clock_.place(std::move(packet), placed_);
  std::move(placed_.begin(), placed_.end(), std::back_inserter(waiting_));
  placed_.clear();
  const Repairs all{clock_.filled_frames(), clock_.dropped_frames()};
  const Repairs before = std::exchange(reported_, all);
  return {all.filled - before.filled, all.dropped - before.dropped};
}

void AudioLine::pad(MediaTime end) {
  clock_.pad(end, track_, placed_);
  std::move(placed_.begin(), placed_.end(), std::back_inserter(waiting_));
  placed_.clear();
}

std::optional<EncodedPacket> AudioLine::take() {
  EncodedPacket packet = std::move(waiting_.front());
  waiting_.pop_front();
  while (!boundaries_.empty() && packet.pts >= boundaries_.front().start) {
    packet.opens_segment = boundaries_.front().number;
    packet.starts_discontinuity |= boundaries_.front().starts_discontinuity;
    boundaries_.pop_front();
  }
  has_opened_ |= packet.opens_segment.has_value();
  if (!has_opened_) return std::nullopt;
  end_ = packet.dts + packet.duration;
  return packet;
}

void AudioLine::expect(const SegmentStart& segment) {
  if (boundaries_.size() == kMaxBoundaries) boundaries_.pop_front();
  boundaries_.push_back(segment);
}

}  // namespace millrace::ingest
