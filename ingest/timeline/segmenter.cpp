#include "ingest/timeline/segmenter.h"

#include <algorithm>

namespace millrace::ingest {

using namespace std::chrono_literals;

// The first playlist waits for the end of the first GOP, at most this long (design.md §2).
constexpr MediaTime kLongestFirstGop = 10s;
// A GOP this little over whole seconds is a jittering key frame, not a longer GOP.
constexpr MediaTime kGopJitter = 100ms;

// 2024-01-01T00:00:00Z.
constexpr std::chrono::nanoseconds kNumberingEpoch = 1'704'067'200s;

SegmentNumber segment_number_at(std::chrono::nanoseconds wall_time) {
  return wall_time <= kNumberingEpoch
             ? 0
             : static_cast<SegmentNumber>((wall_time - kNumberingEpoch) / 500ms);
}

std::optional<SegmentStart> Segmenter::on_frame(MediaTime time, MediaTime duration,
                                                bool is_key_frame) {
  if (opening_pending_) {
    last_key_frame_.reset();
    if (is_key_frame) last_key_frame_ = time;
    return open(time);
  }
  if (is_key_frame) {
    if (last_key_frame_) last_gop_ = time - *last_key_frame_;
    last_key_frame_ = time;
  }
  const MediaTime running = time - *start_;
  if (promise_ == 0ns) {
    if (!is_key_frame && running < kLongestFirstGop) return std::nullopt;
    promise(running);
  }
  if (is_key_frame) {
    const MediaTime waiting = running + last_gop_;
    const auto distance = [this](MediaTime length) { return std::chrono::abs(length - target_); };
    if (waiting > longest() || distance(waiting) > distance(running)) return open(time);
    return std::nullopt;
  }
  // A GOP that does not fit the promise is cut between key frames: at once where the GOPs are known
  // to be long, else as late as the promise allows, since a key frame may be near.
  const bool expects_long_gop = last_gop_ > longest();
  if ((expects_long_gop && running >= promise_) || running + duration > longest())
    return open(time);
  return std::nullopt;
}

void Segmenter::promise(MediaTime first_gop) {
  const MediaTime longer = std::max(target_, first_gop - kGopJitter);
  promise_ = std::chrono::ceil<std::chrono::seconds>(longer);
}

SegmentStart Segmenter::open(MediaTime time) {
  start_ = time;
  SegmentStart segment{.number = next_++, .start = time, .starts_discontinuity = false};
  segment.starts_discontinuity = discontinuity_pending_;
  opening_pending_ = discontinuity_pending_ = false;
  return segment;
}

}  // namespace millrace::ingest
