#include "packager/chunker.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "packager/filler.h"

namespace millrace::packager {
namespace {

// More than the longest part of the fastest picture (1 s at 300 frames/s) and the highest level's
// bit rate need; past it a part is closed early, however short.
constexpr std::size_t kMaxPartSamples = 512;
constexpr std::size_t kMaxPartBytes = std::size_t{64} * 1024 * 1024;
constexpr MediaTime kLongestWish = std::chrono::seconds(10);

Error invalid(const char* what) {
  return Error{ErrorCode::kInvalidData, std::string("packager: ") + what};
}

}  // namespace

Result<std::unique_ptr<Sink<EncodedPacket>>> create(Options options, Sink<CmafChunk>& chunks) {
  if (options.part_target <= MediaTime::zero() || options.part_target > kLongestWish)
    return Error{ErrorCode::kUnsupported,
                 "packager: parts last more than nothing and at most 10 s"};
  return std::make_unique<Chunker>(std::move(options), chunks);
}

std::shared_ptr<const InitSegment> init_of(std::shared_ptr<const TrackInfo> track, MediaTime wish) {
  InitSegment init{.bytes = write_init_segment(*track),
                   .codecs = codec_string(*track),
                   .track = nullptr,
                   .part_target = part_target_for(*track, wish)};
  init.track = std::move(track);
  return std::make_shared<const InitSegment>(std::move(init));
}

Chunker::Chunker(Options options, Sink<CmafChunk>& chunks)
    : options_(std::move(options)), chunks_(chunks) {
  if (options_.metrics == nullptr) return;
  const auto counter = [this](const char* name, const char* help) {
    return options_.metrics->counter(name, help, {{"channel", options_.channel}});
  };
  counters_ = Counters{
      .filler_bytes = counter("millrace_packager_filler_bytes_total",
                              "Filler NAL units of the encoder, left out of the output."),
      .cut_samples = counter("millrace_packager_cut_samples_total",
                             "Samples whose duration was cut to keep a part within its target."),
      .short_parts = counter("millrace_packager_short_parts_total",
                             "Parts below 85 % of the target that a gap or a limit ended."),
      .decode_holes = counter("millrace_packager_decode_holes_total",
                              "Segments that open behind a hole in decode time.")};
}

Status Chunker::push(EncodedPacket packet) {
  if (packet.opens_segment) {
    RETURN_IF_ERROR(close_part());
    RETURN_IF_ERROR(begin_segment(packet));
  } else if (!segment_) {
    return invalid("a packet before the first segment");
  } else if (!is_known(packet.track)) {
    return invalid("new parameters inside a segment");
  } else if (packet.follows_gap) {
    if (counters_ && !samples_.empty() && part_duration() < length_.shortest)
      counters_->short_parts.increment();
    RETURN_IF_ERROR(close_part());
    begin_clock(packet);
  }
  return add(std::move(packet));
}

bool Chunker::is_known(const std::shared_ptr<const TrackInfo>& track) {
  if (track == newest_track_) return true;
  if (!init_ || *track != *init_->track) return false;
  newest_track_ = track;
  return true;
}

Status Chunker::begin_segment(const EncodedPacket& packet) {
  const bool is_new = !is_known(packet.track);
  // Behind a gap an encoder elsewhere has taken over, on the same timeline.
  if (is_new && init_ && segment_ && !packet.starts_discontinuity && !packet.follows_gap)
    return invalid("new parameters without a discontinuity or a gap");
  if (is_new) begin_init(packet);
  if (is_new || packet.starts_discontinuity) {
    if (is_new || packet.is_key_frame) composition_delay_ = packet.pts - packet.dts;
    begin_clock(packet);
  } else if (packet.follows_gap || !segment_ || has_hole_before(packet)) {
    begin_clock(packet);
    if (counters_) counters_->decode_holes.increment();
  }
  segment_ = packet.opens_segment;
  starts_discontinuity_ = packet.starts_discontinuity;
  return ok();
}

void Chunker::begin_init(const EncodedPacket& packet) {
  const TrackInfo& track = *packet.track;
  // The clock runs on in the new track's ticks.
  const std::uint32_t timescale = timescale_of(track);
  if (init_) next_tick_ = to_ticks(from_ticks(next_tick_, timescale_), timescale);
  timescale_ = timescale;
  length_ = part_length_of(track, options_.part_target);
  init_ = init_of(packet.track, options_.part_target);
  newest_track_ = packet.track;
}

void Chunker::begin_clock(const EncodedPacket& packet) {
  next_tick_ = std::max(next_tick_, to_ticks(packet.dts + composition_delay_, timescale_));
}

bool Chunker::has_hole_before(const EncodedPacket& packet) const {
  return to_ticks(packet.dts + composition_delay_, timescale_) - next_tick_ > length_.longest;
}

std::int64_t Chunker::duration_of(const EncodedPacket& packet) const {
  const MediaTime end = packet.dts + packet.duration + composition_delay_;
  const std::int64_t duration = to_ticks(end, timescale_) - next_tick_;
  // A grid that lies between two ticks must not flicker: within one tick it is the frame's length.
  if (length_.frame > 0 && std::abs(duration - length_.frame) <= 1) return length_.frame;
  return std::max<std::int64_t>(duration, 1);
}

Result<std::int64_t> Chunker::make_room(std::int64_t wanted) {
  if (!samples_.empty() && part_duration() + wanted > length_.longest &&
      part_duration() >= length_.shortest)
    RETURN_IF_ERROR(close_part());
  return length_.longest - (samples_.empty() ? 0 : part_duration());
}

Status Chunker::add(EncodedPacket packet) {
  std::int64_t duration = duration_of(packet);
  ASSIGN_OR_RETURN(const std::int64_t room, make_room(duration));
  if (duration > room) {
    duration = room;
    if (counters_) counters_->cut_samples.increment();
  }
  const TrackInfo& track = *init_->track;
  const std::int64_t offset =
      track.kind == MediaKind::kAudio ? 0 : to_ticks(packet.pts, timescale_) - next_tick_;
  if (offset != static_cast<std::int32_t>(offset))
    return invalid("a picture that is presented hours from where it is decoded");
  const std::size_t size = size_without_filler(track.codec, packet.payload.span());
  if (size > kMaxPartBytes)
    return Error{ErrorCode::kLimitExceeded, "packager: a picture larger than any part"};
  if (counters_ && size != packet.payload.size())
    counters_->filler_bytes.increment(static_cast<double>(packet.payload.size() - size));
  if (samples_.empty()) {
    part_start_ = next_tick_;
    part_wall_time_ = packet.pts;
  }
  samples_.push_back({.payload = std::move(packet.payload),
                      .size = static_cast<std::uint32_t>(size),
                      .duration = static_cast<std::uint32_t>(duration),
                      .composition_offset = static_cast<std::int32_t>(offset),
                      .is_key_frame = packet.is_key_frame || track.kind == MediaKind::kAudio});
  part_bytes_ += size;
  next_tick_ += duration;
  newest_received_at_ = packet.received_at;
  return is_part_complete() ? close_part() : ok();
}

bool Chunker::is_part_complete() const {
  // Frames whose length is no whole number of ticks need not add up to the part's.
  const std::int64_t grace = length_.frame == 0 && length_.wanted != length_.shortest ? 1 : 0;
  return part_duration() + grace >= length_.wanted || samples_.size() >= kMaxPartSamples ||
         part_bytes_ >= kMaxPartBytes;
}

Status Chunker::close_part() {
  if (samples_.empty()) return ok();
  const MediaTime start = from_ticks(part_start_, timescale_);
  const ChunkPosition position{.sequence_number = ++sequence_number_,
                               .decode_time = part_start_,
                               .wall_time = part_wall_time_};
  CmafChunk chunk{.init = init_,
                  .segment_number = *segment_,
                  .starts_discontinuity = std::exchange(starts_discontinuity_, false),
                  .is_independent = samples_.front().is_key_frame,
                  .start = start,
                  .duration = from_ticks(next_tick_, timescale_) - start,
                  .bytes = write_chunk(*init_->track, position, samples_),
                  .received_at = newest_received_at_};
  samples_.clear();
  part_bytes_ = 0;
  return chunks_.push(std::move(chunk));
}

Status Chunker::finish() {
  RETURN_IF_ERROR(close_part());
  segment_.reset();
  return chunks_.finish();
}

}  // namespace millrace::packager
