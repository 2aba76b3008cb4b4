#include "media/codec_configuration.h"

#include <fmt/format.h>

#include "media/audio_specific_config.h"
#include "media/parameter_sets.h"

namespace millrace {
namespace {

Error invalid(std::string_view what) {
  return Error{ErrorCode::kInvalidData, fmt::format("codec configuration: {}", what)};
}

/// Big-endian fields of a record, bounded.
class RecordReader {
 public:
  explicit RecordReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint32_t u8() { return take(1).empty() ? 0 : last_[0]; }
  std::uint32_t u16() {
    return take(2).empty() ? 0 : static_cast<std::uint32_t>(last_[0] << 8 | last_[1]);
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    if (count > bytes_.size()) {
      is_short_ = true;
      count = 0;
    }
    last_ = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return last_;
  }
  bool is_short() const { return is_short_; }
  std::span<const std::uint8_t> rest() const { return bytes_; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::span<const std::uint8_t> last_;
  bool is_short_ = false;
};

TrackInfo video_track(Codec codec, Bytes configuration, const VideoParameters& video) {
  TrackInfo track;
  track.kind = MediaKind::kVideo;
  track.codec = codec;
  track.codec_configuration = std::move(configuration);
  track.video = video;
  return track;
}

Status check_nal_length(std::uint32_t size) {
  if (size == 4) return ok();
  return Error{ErrorCode::kUnsupported,
               fmt::format("codec configuration: NAL units with {}-byte lengths", size)};
}

constexpr int kHevcSequence = 33;  // ISO/IEC 23008-2 table 7-1: SPS_NUT

// leb128() of AV1 4.10.5; at most eight bytes.
std::uint64_t read_leb128(RecordReader& reader) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t byte = reader.u8();
    value |= (byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) break;
  }
  return value;
}

constexpr std::uint32_t kAv1SequenceHeader = 1;  // AV1 6.2.2: OBU_SEQUENCE_HEADER

// The first sequence header among low-overhead OBUs (AV1 5.3).
std::span<const std::uint8_t> find_av1_sequence(std::span<const std::uint8_t> obus) {
  RecordReader reader(obus);
  while (!reader.rest().empty() && !reader.is_short()) {
    const std::uint32_t header = reader.u8();
    if ((header & 0x04) != 0) reader.u8();  // obu_extension_flag
    const bool has_size = (header & 0x02) != 0;
    const auto payload = has_size ? reader.take(read_leb128(reader)) : reader.rest();
    if ((header >> 3 & 15) == kAv1SequenceHeader) return payload;
    if (!has_size) break;
  }
  return {};
}

}  // namespace

Result<TrackInfo> parse_avc_configuration(Bytes avcc) {
  RecordReader reader(avcc.span());
  if (reader.u8() != 1) return invalid("avcC of another version than 1");
  reader.take(3);  // profile, compatibility, level
  RETURN_IF_ERROR(check_nal_length((reader.u8() & 3) + 1));
  const std::uint32_t sequences = reader.u8() & 31;
  const auto sequence = reader.take(reader.u16());
  if (reader.is_short() || sequences == 0 || sequence.empty())
    return invalid("avcC without a sequence parameter set");
  ASSIGN_OR_RETURN(const auto video, parse_h264_sequence(sequence));
  return video_track(Codec::kH264, std::move(avcc), video);
}

Result<TrackInfo> parse_hevc_configuration(Bytes hvcc) {
  RecordReader reader(hvcc.span());
  if (reader.u8() != 1) return invalid("hvcC of another version than 1");
  reader.take(20);  // Profile to number of temporal layers, see ISO/IEC 14496-15 8.3.3.1.2.
  RETURN_IF_ERROR(check_nal_length((reader.u8() & 3) + 1));
  const std::uint32_t arrays = reader.u8();
  for (std::uint32_t array = 0; array < arrays && !reader.is_short(); ++array) {
    const auto type = static_cast<int>(reader.u8() & 63);
    const std::uint32_t count = reader.u16();
    for (std::uint32_t i = 0; i < count && !reader.is_short(); ++i) {
      const auto unit = reader.take(reader.u16());
      if (type != kHevcSequence || unit.empty()) continue;
      ASSIGN_OR_RETURN(const auto video, parse_hevc_sequence(unit));
      return video_track(Codec::kHevc, std::move(hvcc), video);
    }
  }
  return invalid("hvcC without a sequence parameter set");
}

Result<TrackInfo> parse_av1_configuration(Bytes av1c) {
  RecordReader reader(av1c.span());
  // AV1-ISOBMFF 2.3.3: marker 1, version 1.
  if (reader.u8() != 0x81) return invalid("av1C of another version than 1");
  reader.take(3);
  const auto sequence = find_av1_sequence(reader.rest());
  if (reader.is_short() || sequence.empty()) return invalid("av1C without a sequence header");
  ASSIGN_OR_RETURN(const auto video, parse_av1_sequence(sequence));
  return video_track(Codec::kAv1, std::move(av1c), video);
}

Result<TrackInfo> parse_aac_configuration(Bytes audio_specific_config) {
  ASSIGN_OR_RETURN(const auto parsed, parse_audio_specific_config(audio_specific_config.span()));
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  track.codec_configuration = std::move(audio_specific_config);
  track.audio = parsed.audio;
  return track;
}

}  // namespace millrace
