#include "ingest/timeline/video_clock.h"

#include <algorithm>
#include <utility>

namespace millrace::ingest {

using namespace std::chrono_literals;

// A source that runs behind its own grid by this much does not have that rate (any more).
constexpr MediaTime kLargestBackwardStep = 250ms;

bool VideoClock::is_jump(MediaTime dts) const {
  if (held_) return dts <= held_->dts - kLargestBackwardStep || dts - held_->dts > longest_hole_;
  if (!end_) return false;
  const MediaTime frame = grid_ ? grid_->slot_duration() : last_duration_;
  // Half a frame of grace: the times are rounded.
  return dts + frame - *end_ > longest_hole_ + frame / 2 || *end_ - dts > kLargestBackwardStep;
}

std::optional<EncodedPacket> VideoClock::place(EncodedPacket packet) {
  if (grid_) return place_on_grid(std::move(packet));
  std::optional<EncodedPacket> complete;
  if (held_) {
    // Two pictures at one time, or backwards: the later one follows by the least that can be said.
    packet.dts = std::max(packet.dts, held_->dts + 1ms);
    packet.pts = std::max(packet.pts, packet.dts);
    held_->duration = packet.dts - held_->dts;
    last_duration_ = held_->duration;
    end_ = packet.dts;
    complete = std::move(held_);
  }
  held_ = std::move(packet);
  return complete;
}

EncodedPacket VideoClock::place_on_grid(EncodedPacket packet) {
  const std::int64_t wanted = grid_->nearest_slot(packet.dts);
  if (!end_) {
    next_slot_ = wanted;
    end_ = grid_->time_of(wanted);
  }
  const std::int64_t slot = std::max(wanted, next_slot_);
  skipped_frames_ += static_cast<int>(slot - next_slot_);
  // The offset on its own: where the source's times lie between two slots (its clip has looped,
  // say), dts and pts rounded one by one could put two pictures at one time.
  const std::int64_t offset =
      scale_rounded((packet.pts - packet.dts).count(), grid_->rate().numerator,
                    grid_->rate().denominator * 1'000'000'000);
  const std::int64_t presented = slot + std::max<std::int64_t>(offset, 0);
  packet.dts = *end_;
  packet.pts = grid_->time_of(presented);
  end_ = grid_->time_of(slot + 1);
  packet.duration = *end_ - packet.dts;
  next_slot_ = slot + 1;
  return packet;
}

std::optional<EncodedPacket> VideoClock::flush() {
  if (!held_) return std::nullopt;
  held_->duration = last_duration_;
  end_ = held_->dts + held_->duration;
  return std::exchange(held_, std::nullopt);
}

namespace {

VideoClock clock_on(const FrameGrid& grid, MediaTime part_target) {
  const MediaTime frame = grid.slot_duration();
  return {grid, std::max<std::int64_t>(1, (part_target + frame / 2) / frame) * frame};
}

}  // namespace

VideoClock video_clock_at(MediaTime anchor, const VideoParameters& video, MediaTime part_target) {
  if (video.frame_rate.numerator == 0) return VideoClock(kSourceJump);
  return clock_on(FrameGrid(anchor, video.frame_rate), part_target);
}

ClockedVideo clock_video(TrackInfo track, const std::vector<MediaTime>& times,
                         double announced_rate, MediaTime part_target) {
  const auto rates = candidate_rates(announced_rate, track.video.frame_rate);
  if (const auto grid = FrameGrid::fit(times, rates)) {
    track.video.frame_rate = grid->rate();
    return {std::move(track), clock_on(*grid, part_target)};
  }
  MediaTime longest{};
  for (std::size_t i = 1; i < times.size(); ++i)
    longest = std::max(longest, times[i] - times[i - 1]);
  track.video.frame_rate = {0, 1};
  track.video.longest_frame = longest;
  return {std::move(track), VideoClock(kSourceJump)};
}

}  // namespace millrace::ingest
