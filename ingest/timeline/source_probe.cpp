#include "ingest/timeline/source_probe.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ingest/timeline/frame_grid.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// Frames that tell 30 from 29.97 and a constant rate from a variable one; fewer where they last 1
// s.
constexpr std::size_t kProbeFrames = 16;
constexpr std::size_t kFewestProbeFrames = 6;
constexpr MediaTime kLongProbe = 1s;
// The first GOP of a variable rate is awaited at most this long; so much is held at most.
constexpr MediaTime kLongestProbe = 10s;
constexpr std::size_t kMaxProbeBytes = 32 * 1024 * 1024;
// A packet costs this besides its payload.
constexpr std::size_t kPacketOverhead = 256;
// Ten seconds of a hundred pictures each: more tell nothing new. Rates are looked for again after
// so many, as a look goes through all of them.
constexpr std::size_t kMostProbeFrames = 1000;
constexpr std::size_t kLookEvery = 64;
// How long an announced track may be missing before the channel starts without it.
constexpr auto kMissingTrack = 1s;

}  // namespace

void SourceProbe::new_source() {
  known_.clear();
  restart();
}

void SourceProbe::restart() {
  packets_.clear();
  seen_.clear();
  bytes_ = video_frames_ = key_frames_ = 0;
}

std::deque<SourcePacket> SourceProbe::take() {
  known_ = seen_;
  return std::exchange(packets_, {});
}

std::string_view SourceProbe::add(SourcePacket packet) {
  if (is_full()) return "probe_dropped";
  if (packets_.empty()) {
    began_ = clock_.steady_now();
    began_wall_ = clock_.wall_now();
  } else if (std::chrono::abs(packet.dts - packets_.front().dts) > kLongestProbe) {
    return "probe_dropped";  // Of the clock before a jump, or of one that jumps again.
  }
  if (is_main_video(packet)) {
    if (key_frames_ == 0 && !packet.is_key_frame) return "before_key_frame";
    ++video_frames_;
    key_frames_ += packet.is_key_frame ? 1 : 0;
  }
  bytes_ += packet.payload.size() + kPacketOverhead;
  seen_.emplace(packet.track->kind, packet.track->index);
  known_.emplace(packet.track->kind, packet.track->index);
  packets_.push_back(std::move(packet));
  return {};
}

bool SourceProbe::is_full() const {
  return bytes_ > kMaxProbeBytes;
}

bool SourceProbe::has_audio() const {
  return std::any_of(seen_.begin(), seen_.end(),
                     [](const auto& track) { return track.first == MediaKind::kAudio; });
}

bool SourceProbe::is_complete(const Announcement& announcement) const {
  if (packets_.empty()) return false;
  const bool is_late = clock_.steady_now() - began_ >= kMissingTrack;
  if (is_full() || video_frames_ >= kMostProbeFrames) return true;
  const bool has_audio = seen_.contains({MediaKind::kAudio, 0});
  if (!is_late && (seen_ != known_ || (!has_audio && announcement.has_audio) ||
                   seen_.size() < announcement.tracks))
    return false;
  if (video_frames_ == 0) return (has_audio && !announcement.has_video) || is_late;
  if (key_frames_ < 2 && video_frames_ > kLookEvery && video_frames_ % kLookEvery != 0)
    return false;

  const auto times = times_of(MediaKind::kVideo, 0);
  const MediaTime span = times.back() - times.front();
  if (times.size() < kProbeFrames && !(times.size() >= kFewestProbeFrames && span >= kLongProbe))
    return false;
  const TrackInfo& track = *first_of(MediaKind::kVideo, 0)->track;
  const auto rates = candidate_rates(announcement.frame_rate, track.video.frame_rate);
  return FrameGrid::fit(times, rates).has_value() || key_frames_ >= 2 || span >= kLongestProbe;
}

const SourcePacket* SourceProbe::first_of(MediaKind kind, int index) const {
  const auto found = std::find_if(packets_.begin(), packets_.end(), [&](const auto& packet) {
    return packet.track->kind == kind && packet.track->index == index;
  });
  return found == packets_.end() ? nullptr : &*found;
}

std::vector<MediaTime> SourceProbe::times_of(MediaKind kind, int index) const {
  std::vector<MediaTime> times;
  for (const auto& packet : packets_)
    if (packet.track->kind == kind && packet.track->index == index) times.push_back(packet.dts);
  return times;
}

std::vector<std::shared_ptr<const TrackInfo>> SourceProbe::tracks(MediaKind kind) const {
  std::map<int, std::shared_ptr<const TrackInfo>> found;
  for (const auto& packet : packets_)
    if (packet.track->kind == kind) found.try_emplace(packet.track->index, packet.track);
  std::vector<std::shared_ptr<const TrackInfo>> tracks;
  tracks.reserve(found.size());
  for (auto& [index, track] : found) tracks.push_back(std::move(track));
  return tracks;
}

}  // namespace millrace::ingest
