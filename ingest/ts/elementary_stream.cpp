#include "ingest/ts/elementary_stream.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "media/annex_b.h"
#include "media/bit_reader.h"
#include "media/codec_configuration.h"
#include "media/opus.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

// ISO/IEC 13818-1 table 2-34.
constexpr std::uint8_t kMpeg1Audio = 0x03;
constexpr std::uint8_t kMpeg2Audio = 0x04;
constexpr std::uint8_t kPrivate = 0x06;
constexpr std::uint8_t kAdts = 0x0F;
constexpr std::uint8_t kLatm = 0x11;
constexpr std::uint8_t kH264 = 0x1B;
constexpr std::uint8_t kHevc = 0x24;
constexpr std::uint8_t kAc3 = 0x81;  // ATSC A/52 annex A.
// Format identifiers of registration descriptors.
constexpr std::uint32_t kOpusFormat = 0x4F707573;
constexpr std::uint32_t kAc3Format = 0x41432D33;

// 16 of HEVC's VPS, 32 SPS and 256 PPS, by their identifiers.
constexpr std::size_t kMostParameterSets = 16 + 32 + 256;

class VideoReader final : public PesReader {
 public:
  VideoReader(Codec codec, const TsContext& context) : codec_(codec), context_(context) {}

  MediaKind kind() const override { return MediaKind::kVideo; }

  /// A PES packet is a picture. One with two fields stays one sample, as MP4 wants it; one with
  /// several frames, which would give the later ones no time, is passed on as it is too.
  Status read(const PesHeader& header, Span payload, TimePoint received_at) override {
    AnnexBPicture picture = parse_annex_b(codec_, payload);
    update_parameter_sets(picture);
    if (!header.pts || !track_ || picture.payload.empty()) {
      ++context_.counts.dropped_units;
      return ok();
    }
    SourcePacket packet;
    packet.track = track_;
    packet.payload = std::move(picture.payload);
    packet.dts = context_.clock.unwrap(header.dts.value_or(*header.pts));
    packet.pts = context_.clock.unwrap(*header.pts);
    packet.is_key_frame = picture.is_random_access;
    packet.received_at = received_at;
    return context_.events.on_packet(std::move(packet));
  }

 private:
  static void replace(NalUnits& units, const std::vector<Span>& seen) {
    if (seen.empty()) return;
    units.clear();
    for (const Span unit : seen) {
      std::vector<std::uint8_t> copy(unit.begin(), unit.end());
      if (std::find(units.begin(), units.end(), copy) == units.end())
        units.push_back(std::move(copy));
    }
  }

  /// pps_pic_parameter_set_id stands first in H.264 and HEVC alike.
  std::uint32_t pps_id(Span unit) const {
    BitReader reader(
        unit.subspan(std::min<std::size_t>(codec_ == Codec::kH264 ? 1 : 2, unit.size())));
    return reader.read_unsigned_golomb();
  }
  void merge_pps(const std::vector<Span>& seen) {
    for (const Span unit : seen) {
      std::erase_if(pps_, [&](const auto& old) { return pps_id(old) == pps_id(unit); });
      pps_.emplace_back(unit.begin(), unit.end());
    }
    std::stable_sort(pps_.begin(), pps_.end(),
                     [&](const auto& a, const auto& b) { return pps_id(a) < pps_id(b); });
  }

  /// Encoders repeat them in front of each key frame; those of a picture replace the earlier ones.
  void update_parameter_sets(const AnnexBPicture& picture) {
    const std::size_t sets = picture.vps.size() + picture.sps.size() + picture.pps.size();
    // No configuration record has more; each is compared with each.
    if (sets == 0 || sets > kMostParameterSets) return;
    auto before = std::tuple(vps_, sps_, pps_);
    replace(vps_, picture.vps);
    replace(sps_, picture.sps);
    // Some encoders send one PPS of several by itself.
    if (picture.sps.empty())
      merge_pps(picture.pps);
    else
      replace(pps_, picture.pps);
    if (track_ && before == std::tuple(vps_, sps_, pps_)) return;
    auto track = make_track();
    // Sets that make no sense leave the stream with those it had.
    if (!track.has_value()) {
      std::tie(vps_, sps_, pps_) = std::move(before);
      return;
    }
    track_ = std::make_shared<const TrackInfo>(std::move(track).value());
  }

  Result<TrackInfo> make_track() const {
    if (codec_ == Codec::kH264) {
      ASSIGN_OR_RETURN(Bytes record, make_avc_configuration(sps_, pps_));
      return parse_avc_configuration(std::move(record));
    }
    ASSIGN_OR_RETURN(Bytes record, make_hevc_configuration(vps_, sps_, pps_));
    return parse_hevc_configuration(std::move(record));
  }

  const Codec codec_;
  TsContext context_;
  NalUnits vps_, sps_, pps_;
  std::shared_ptr<const TrackInfo> track_;
};

class AudioReader final : public PesReader {
 public:
  AudioReader(std::unique_ptr<AudioFrames> frames, int index, std::string language,
              const TsContext& context)
      : frames_(std::move(frames)),
        index_(index),
        language_(std::move(language)),
        context_(context) {}

  MediaKind kind() const override { return MediaKind::kAudio; }

  /// The packet's time is that of the first frame that begins in it; the others follow by the
  /// sample rate.
  Status read(const PesHeader& header, Span payload, TimePoint received_at) override {
    std::optional<MediaTime> stated;
    if (header.pts) stated = context_.clock.unwrap(*header.pts);
    const auto dropped_before = frames_->dropped();
    Status status = frames_->push(payload, [&](const auto& track, Span frame, bool starts_here) {
      if (starts_here && stated) begin_count(*std::exchange(stated, std::nullopt));
      return take(track, frame, received_at);
    });
    context_.counts.dropped_units += frames_->dropped() - dropped_before;
    return status;
  }

  void reset() override {
    frames_->reset();
    base_.reset();
  }

 private:
  void begin_count(MediaTime base) {
    base_ = base;
    samples_ = 0;
  }

  Status take(const std::shared_ptr<const TrackInfo>& track, Span frame, TimePoint received_at) {
    if (!base_ || track->audio.sample_rate <= 0) {
      ++context_.counts.dropped_units;
      return ok();
    }
    SourcePacket packet;
    packet.track = labelled(track);
    packet.payload = Bytes::copy_of(frame);
    packet.dts = packet.pts = *base_ + to_duration(samples_, track->audio.sample_rate);
    packet.is_key_frame = true;
    packet.received_at = received_at;
    samples_ += track->codec == Codec::kOpus ? opus_samples(frame) : track->audio.samples_per_frame;
    // A source without times for its later packets would count for ever.
    if (samples_ > kMostSamples) base_.reset();
    return context_.events.on_packet(std::move(packet));
  }

  /// The track with its place in the program; the same pointer for the same one.
  std::shared_ptr<const TrackInfo> labelled(const std::shared_ptr<const TrackInfo>& track) {
    if (track == unlabelled_) return labelled_;
    TrackInfo with_label = *track;
    with_label.index = index_;
    with_label.language = language_;
    unlabelled_ = track;
    labelled_ = std::make_shared<const TrackInfo>(std::move(with_label));
    return labelled_;
  }

  static MediaTime to_duration(std::int64_t samples, int rate) {
    return MediaTime((samples * 1'000'000'000 + rate / 2) / rate);
  }

  static constexpr std::int64_t kMostSamples = 1'000'000'000;

  std::unique_ptr<AudioFrames> frames_;
  const int index_;
  const std::string language_;
  TsContext context_;
  std::shared_ptr<const TrackInfo> unlabelled_;
  std::shared_ptr<const TrackInfo> labelled_;
  std::optional<MediaTime> base_;  ///< Time of the frame from which `samples_` count.
  std::int64_t samples_ = 0;
};

/// Null: nothing here takes it.
std::unique_ptr<AudioFrames> create_audio_frames(const ElementaryStream& stream) {
  switch (stream.type) {
    case kAdts:
      return create_adts_frames();
    case kLatm:
      return create_latm_frames();
    case kMpeg1Audio:
    case kMpeg2Audio:
      return create_mpeg_audio_frames();
    case kAc3:
      return create_ac3_frames();
    case kPrivate:
      if (stream.registration == kOpusFormat && stream.opus_channels > 0)
        return create_opus_frames(stream.opus_channels);
      return stream.is_dvb_ac3 || stream.registration == kAc3Format ? create_ac3_frames() : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

std::unique_ptr<PesReader> create_pes_reader(const ElementaryStream& stream, int audio_index,
                                             const TsContext& context) {
  if (stream.type == kH264) return std::make_unique<VideoReader>(Codec::kH264, context);
  if (stream.type == kHevc) return std::make_unique<VideoReader>(Codec::kHevc, context);
  auto frames = create_audio_frames(stream);
  if (!frames) return nullptr;
  return std::make_unique<AudioReader>(std::move(frames), audio_index, stream.language, context);
}

Status PesStream::push(Span payload, bool starts, bool is_stuffed, TimePoint at) {
  if (starts) {
    RETURN_IF_ERROR(end_unit());
    has_unit_ = true;
    ended_early_ = false;
  } else if (ended_early_ && !payload.empty()) {
    // The picture went on: the signs mean nothing here, and one picture was cut.
    ended_early_ = trusts_the_signs_ = false;
    ++context_.counts.dropped_units;
  }
  if (!has_unit_) return ok();
  if (bytes_.size() + payload.size() > context_.options.max_access_unit_bytes) {
    drop_unit();
    return ok();
  }
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  received_at_ = at;
  if (header_.size == 0) {
    const auto state = parse_pes_header(bytes_, header_);
    if (state == PesHeaderState::kNeedsMore) {
      header_ = {};
      return ok();
    }
    if (state == PesHeaderState::kInvalid) {
      drop_unit();
      return ok();
    }
  }
  if (header_.packet > 0) return bytes_.size() >= header_.packet ? end_unit() : ok();
  return is_stuffed ? end_unit_early() : ok();
}

Status PesStream::end_unit_early() {
  if (!has_unit_ || header_.size == 0 || header_.packet > 0 || !trusts_the_signs_) return ok();
  ended_early_ = true;
  return end_unit();
}

Status PesStream::end_unit() {
  if (!std::exchange(has_unit_, false)) return ok();
  const auto bytes = std::exchange(bytes_, {});
  const PesHeader header = std::exchange(header_, {});
  if (header.size == 0 || bytes.size() < header.packet) {
    ++context_.counts.dropped_units;
    reader_->reset();
    return ok();
  }
  const std::size_t end = header.packet > 0 ? header.packet : bytes.size();
  // The next unit will be about as long.
  bytes_.reserve(bytes.size());
  return reader_->read(header, Span(bytes).subspan(header.size, end - header.size), received_at_);
}

void PesStream::damage() {
  reader_->reset();
  if (has_unit_) drop_unit();
  ended_early_ = false;
}

void PesStream::drop_unit() {
  ++context_.counts.dropped_units;
  has_unit_ = false;
  bytes_.clear();
  header_ = {};
}

}  // namespace millrace::ingest
