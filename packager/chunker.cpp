#include "packager/chunker.h"

#include <algorithm>
#include <utility>

namespace millrace::packager {
namespace {

// rfc8216bis 4.4.4.9: "The duration of a Partial Segment MUST be at least 85% of the Part Target
// Duration", but for independent ones and a segment's last.
constexpr int kMinPartPercent = 85;
// Parts of a variable rate: design.md §5.
constexpr MediaTime kLongestPart = std::chrono::seconds(1);
// What a playlist prints.
constexpr MediaTime kPrintedUnit = std::chrono::microseconds(10);

MediaTime printed(MediaTime duration) {
  return (duration + kPrintedUnit - MediaTime(1)) / kPrintedUnit * kPrintedUnit;
}

MediaTime frames_lasting(Rational rate, std::int64_t frames) {
  return MediaTime(scale_rounded(frames, rate.denominator * 1'000'000'000, rate.numerator));
}

/// Frames in a part of constant rate; 0 with a variable one.
std::int64_t frames_per_part(const TrackInfo& track, MediaTime wish) {
  if (track.kind == MediaKind::kAudio) {
    const MediaTime frame = from_ticks(track.audio.samples_per_frame, track.audio.sample_rate);
    return std::max<std::int64_t>(1, wish / frame);
  }
  const Rational rate = track.video.frame_rate;
  if (rate.numerator <= 0) return 0;
  return std::max<std::int64_t>(
      1, scale_rounded(wish.count(), rate.numerator, rate.denominator * 1'000'000'000));
}

// NAL unit types that only fill the encoder's constant bit rate: no decoder needs them and every
// viewer would pay for them. ISO/IEC 14496-10 table 7-1, 23008-2 table 7-1.
bool is_filler(Codec codec, std::uint8_t first_byte) {
  if (codec == Codec::kH264) return (first_byte & 31) == 12;
  return codec == Codec::kHevc && (first_byte >> 1 & 63) == 38;
}

// The payload without filler. A length that runs past the end leaves the payload as it came: the
// decoder will say what it thinks of it.
void drop_filler(Codec codec, Sample& sample) {
  const auto bytes = sample.payload.span();
  sample.size = static_cast<std::uint32_t>(bytes.size());
  if (codec != Codec::kH264 && codec != Codec::kHevc) return;
  std::size_t kept_from = 0, at = 0;
  std::vector<std::span<const std::uint8_t>> pieces;
  bool has_filler = false;
  while (at + 5 <= bytes.size()) {
    const std::size_t length = static_cast<std::size_t>(bytes[at]) << 24 |
                               static_cast<std::size_t>(bytes[at + 1]) << 16 |
                               static_cast<std::size_t>(bytes[at + 2]) << 8 | bytes[at + 3];
    if (length > bytes.size() - at - 4) return;
    if (is_filler(codec, bytes[at + 4])) {
      has_filler = true;
      if (at > kept_from) pieces.push_back(bytes.subspan(kept_from, at - kept_from));
      kept_from = at + 4 + length;
    }
    at += 4 + length;
  }
  if (!has_filler) return;
  if (bytes.size() > kept_from) pieces.push_back(bytes.subspan(kept_from));
  if (pieces.empty()) return;
  sample.pieces = std::move(pieces);
  sample.size = 0;
  for (const auto& piece : sample.pieces) sample.size += static_cast<std::uint32_t>(piece.size());
}

}  // namespace

MediaTime part_target_for(const TrackInfo& track, MediaTime wish) {
  const std::int64_t frames = frames_per_part(track, wish);
  if (track.kind == MediaKind::kAudio)
    return printed(from_ticks(frames * track.audio.samples_per_frame, track.audio.sample_rate) +
                   MediaTime(1));
  if (frames > 0) return printed(frames_lasting(track.video.frame_rate, frames));
  // A frame must fit between 85 % of the target and the target.
  const MediaTime for_longest = track.video.longest_frame * 100 / (100 - kMinPartPercent);
  return printed(std::clamp(for_longest, wish, std::max(wish, kLongestPart)));
}

Result<std::unique_ptr<Sink<EncodedPacket>>> create(Options options, Sink<CmafChunk>& chunks) {
  if (options.part_target <= MediaTime::zero())
    return Error{ErrorCode::kUnsupported, "packager: a part must have a length"};
  return std::make_unique<Chunker>(options, chunks);
}

Status Chunker::push(EncodedPacket packet) {
  if (packet.opens_segment) {
    RETURN_IF_ERROR(close_part());
    RETURN_IF_ERROR(begin_segment(packet));
  } else if (!segment_) {
    return Error{ErrorCode::kInvalidData, "packager: a packet before the first segment"};
  } else if (packet.track != init_->track && *packet.track != *init_->track) {
    return Error{ErrorCode::kInvalidData, "packager: new parameters inside a segment"};
  } else if (packet.follows_gap) {
    RETURN_IF_ERROR(close_part());
    begin_clock(packet);
  }
  return add(std::move(packet));
}

Status Chunker::begin_segment(const EncodedPacket& packet) {
  const bool is_new = !init_ || (packet.track != init_->track && *packet.track != *init_->track);
  if (is_new && init_ && !packet.starts_discontinuity)
    return Error{ErrorCode::kInvalidData, "packager: new parameters without a discontinuity"};
  if (is_new) begin_init(packet);
  if (is_new || packet.starts_discontinuity || packet.follows_gap || !segment_) {
    if (is_new || packet.is_key_frame) composition_delay_ = packet.pts - packet.dts;
    begin_clock(packet);
  }
  segment_ = packet.opens_segment;
  starts_discontinuity_ = packet.starts_discontinuity;
  return ok();
}

void Chunker::begin_init(const EncodedPacket& packet) {
  const TrackInfo& track = *packet.track;
  const MediaTime target = part_target_for(track, options_.part_target);
  timescale_ = timescale_of(track);
  longest_part_ = target.count() * timescale_ / 1'000'000'000;
  const std::int64_t frames = frames_per_part(track, options_.part_target);
  if (track.kind == MediaKind::kAudio)
    wanted_part_ = frames * track.audio.samples_per_frame;
  else if (frames > 0)
    wanted_part_ = to_ticks(frames_lasting(track.video.frame_rate, frames), timescale_);
  else  // Rounded up: 85 % is a least.
    wanted_part_ = (longest_part_ * kMinPartPercent + 99) / 100 + 1;
  init_ = std::make_shared<const InitSegment>(InitSegment{.bytes = write_init_segment(track),
                                                          .codecs = codec_string(track),
                                                          .track = packet.track,
                                                          .part_target = target});
}

void Chunker::begin_clock(const EncodedPacket& packet) {
  next_tick_ = to_ticks(packet.dts + composition_delay_, timescale_);
}

Status Chunker::add(EncodedPacket packet) {
  const MediaTime end = packet.dts + packet.duration + composition_delay_;
  const std::int64_t duration =
      std::clamp<std::int64_t>(to_ticks(end, timescale_) - next_tick_, 1, longest_part_);
  if (!samples_.empty() && next_tick_ + duration - part_start_ > longest_part_)
    RETURN_IF_ERROR(close_part());
  if (samples_.empty()) part_start_ = next_tick_;
  Sample sample;
  sample.duration = static_cast<std::uint32_t>(duration);
  sample.composition_offset = static_cast<std::int32_t>(
      init_->track->kind == MediaKind::kAudio ? 0 : to_ticks(packet.pts, timescale_) - next_tick_);
  sample.is_key_frame = packet.is_key_frame;
  sample.payload = std::move(packet.payload);
  drop_filler(init_->track->codec, sample);
  samples_.push_back(std::move(sample));
  next_tick_ += duration;
  newest_received_at_ = packet.received_at;
  // One tick of grace: the frames' rounded times need not add up to the part's.
  return next_tick_ - part_start_ + 1 >= wanted_part_ ? close_part() : ok();
}

Status Chunker::close_part() {
  if (samples_.empty()) return ok();
  const MediaTime start = from_ticks(part_start_, timescale_);
  CmafChunk chunk{
      .init = init_,
      .segment_number = *segment_,
      .starts_discontinuity = std::exchange(starts_discontinuity_, false),
      .is_independent = init_->track->kind == MediaKind::kAudio || samples_.front().is_key_frame,
      .start = start,
      .duration = from_ticks(next_tick_, timescale_) - start,
      .bytes = write_chunk(*init_->track, ++sequence_number_, part_start_, samples_),
      .received_at = newest_received_at_};
  samples_.clear();
  return chunks_.push(std::move(chunk));
}

Status Chunker::finish() {
  RETURN_IF_ERROR(close_part());
  segment_.reset();
  return chunks_.finish();
}

}  // namespace millrace::packager
